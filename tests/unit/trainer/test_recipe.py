import msgspec
import pytest
from readmit_features import FEATURE_VERSION
from trainer.recipe import LIBRARIES, Recipe, baseline, library_versions


def test_a_digest_stays_what_it_is() -> None:
    """Jobs are named by it: a digest that moved by itself would train every model again."""
    assert baseline().digest() == baseline().digest()
    assert baseline().digest() == msgspec.convert(msgspec.to_builtins(baseline()), Recipe).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"}, {"feature_version": 2}, {"learning_rate": 0.05}, {"num_leaves": 25},
        {"min_data_in_leaf": 99}, {"feature_fraction": 0.4}, {"bagging_fraction": 0.8}, {"max_bin": 63},
        {"rounds_max": 100}, {"early_stopping_rounds": 30}, {"flagged_share": 0.2}, {"seed": 2}, {"threads": 1},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_field_changes_the_digest(change: dict[str, object]) -> None:
    """Two recipes that fit differently must not share a job."""
    assert msgspec.structs.replace(baseline(), **change).digest() != baseline().digest()


def test_the_changes_above_cover_every_field() -> None:
    """A field added later must be in the digest too."""
    covered = test_every_field_changes_the_digest.pytestmark[0].args[1]
    assert {name for change in covered for name in change} == set(Recipe.__struct_fields__)


def test_the_baseline_is_repeatable_and_gives_lightgbm_no_categories() -> None:
    """Native categories overfit the diagnosis codes; without pinned order and threads, sums differ in the last bits."""
    parameters = baseline(threads=3).parameters()
    assert "categorical_feature" not in parameters
    assert parameters["deterministic"] is parameters["force_row_wise"] is True
    assert parameters["num_threads"] == 3
    assert baseline().feature_version == FEATURE_VERSION


def test_the_versions_of_the_libraries_are_known() -> None:
    """Another LightGBM may grow other trees from the same rows."""
    assert set(library_versions()) == set(LIBRARIES)
    assert all(library_versions().values())


@pytest.mark.parametrize("field", ["learning_rate", "num_leaves", "threads", "flagged_share"])
def test_a_value_out_of_bounds_is_refused(field: str) -> None:
    """A request file is read before LightGBM sees it."""
    spoilt = msgspec.to_builtins(baseline()) | {field: 0}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(spoilt, Recipe)
