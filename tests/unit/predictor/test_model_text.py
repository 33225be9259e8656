"""What the library would believe is checked before it reads a line."""

from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from predictor.model_text import check_model_text
from readmit_contracts.bundle import MODEL_FILE, BundleInvalid
from readmit_features import FEATURE_NAMES
from support.model_bundles import model_bundle
from support.model_edits import EDITS

TEXT = model_bundle(1).files[MODEL_FILE]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trained_model_passes(seed: int) -> None:
    """Nothing that LightGBM writes for our recipes may be refused."""
    check_model_text(model_bundle(seed).files[MODEL_FILE], features=len(FEATURE_NAMES))


def test_a_model_of_one_leaf_passes() -> None:
    """Labels that no feature explains give one."""
    nothing = lightgbm.Dataset(np.zeros((50, 3)), np.r_[np.ones(20), np.zeros(30)])
    booster = lightgbm.train({"objective": "binary", "verbosity": -1}, nothing, 2)
    check_model_text(booster.model_to_string().encode(), features=3)


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_kind_of_damage_is_found_wherever_it_is(name: str, seed: int) -> None:
    """An index out of range in the one node that no golden row passes would end the process weeks later."""
    edit: Callable[[bytes, np.random.Generator], bytes] = EDITS[name]
    damaged = edit(TEXT, np.random.default_rng(seed))
    assert damaged != TEXT
    with pytest.raises(BundleInvalid) as refused:
        check_model_text(damaged, features=len(FEATURE_NAMES))
    assert refused.value.reason == "BUNDLE_INVALID"


def test_every_cut_is_found() -> None:
    """The library reads on behind the end."""
    end = TEXT.index(b"end of trees\n")
    for length in range(0, end + len(b"end of trees"), 97):
        with pytest.raises(BundleInvalid):
            check_model_text(TEXT[:length], features=len(FEATURE_NAMES))
