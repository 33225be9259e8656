import gc
import threading
from ctypes import c_void_p

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray
from predictor import lightgbm_library
from predictor.lightgbm_library import Booster, LightGBMFailed, RowScorer
from readmit_contracts.bundle import MODEL_FILE
from readmit_features import FEATURE_NAMES, RecordEncoder, encode_table, read_features
from support.cohort import cohort
from support.model_bundles import clean_columns, model_bundle, request_of
from support.predictor_rig import loaded

MODEL = model_bundle(1).files[MODEL_FILE]
VOCABULARIES = read_features(model_bundle(1).files["features.json"])


def _rows(count: int) -> NDArray[np.float64]:
    """Give rows of encounters, and as many that no encounter makes: the trees have an answer to those too."""
    encoded = encode_table(clean_columns(cohort(count, seed=77)), VOCABULARIES)
    made_up = np.random.default_rng(5).choice(
        [0.0, -0.0, 1.0, 2.5, -7.0, 1e-300, 1e300, np.inf, -np.inf, np.nan], (count, len(FEATURE_NAMES))
    )
    return np.ascontiguousarray(np.vstack([encoded, made_up]))


def _by_package(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(lightgbm.Booster(model_str=MODEL.decode()).predict(rows))


def test_one_row_at_a_time_gives_the_bits_of_the_package() -> None:
    """The trainer judges a model by the package; what serves must be that model and no other."""
    rows = _rows(2_000)
    row = np.zeros(len(FEATURE_NAMES))
    scorer = RowScorer(Booster(MODEL), row)
    scores = []
    for values in rows:
        row[:] = values
        scores.append(scorer.score())
    assert np.array(scores).tobytes() == _by_package(rows).tobytes()
    assert len(set(scores)) > 100


def test_a_matrix_gives_the_bits_of_the_package() -> None:
    """A batch and single requests must agree on a patient."""
    rows = _rows(1_000)
    assert Booster(MODEL).predict(rows).tobytes() == _by_package(rows).tobytes()


def test_scoring_leaves_nothing_to_the_garbage_collector() -> None:
    """Each collection stops every answer."""
    rows = _rows(10)
    booster, row = Booster(MODEL), np.zeros(len(FEATURE_NAMES))
    scorer = RowScorer(booster, row)
    booster.predict(rows)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            booster.predict(rows)
            scorer.score()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_batch_of_encounters_is_answered_as_each_alone() -> None:
    """The two ways to ask share their rules and not their code."""
    model = loaded(model_bundle(1))
    records = [request_of(row) for row in cohort(300, seed=12)]
    assert model.probabilities(records) == [model.probability(record) for record in records]


@pytest.mark.parametrize("text", [b"", b"tree\nversion=v4\n", b"no model at all"])
def test_what_is_no_model_is_refused(text: bytes) -> None:
    """A return code that nobody looks at would leave a handle to nothing."""
    with pytest.raises(LightGBMFailed):
        Booster(text)


def test_a_row_of_another_length_is_refused() -> None:
    """The library would read past its end."""
    with pytest.raises(LightGBMFailed, match="number of features"):
        RowScorer(Booster(MODEL), np.zeros(len(FEATURE_NAMES) - 1))
    with pytest.raises(LightGBMFailed, match="number of features"):
        Booster(MODEL).predict(np.zeros((2, len(FEATURE_NAMES) + 1)))


def test_a_model_is_freed_with_the_last_that_uses_it_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request under way keeps the model that it began with, and a replica lives through many models."""
    freed: list[str] = []
    library = lightgbm_library._library()

    def noting(name: str, free: object) -> object:
        def call(handle: c_void_p) -> int:
            freed.append(name)
            return free(handle)

        return call

    monkeypatch.setattr(library, "free_booster", noting("booster", library.free_booster))
    monkeypatch.setattr(library, "free_prepared", noting("row", library.free_prepared))
    model = loaded(model_bundle(1))
    under_way, model = model, loaded(model_bundle(2))
    gc.collect()
    assert freed == []
    assert under_way.probability(request_of(cohort(1)[0])) >= 0.0
    del under_way
    gc.collect()
    assert sorted(freed) == ["booster", "row"]
    del model


def test_threads_may_ask_one_model_for_batches_while_rows_are_scored() -> None:
    """A batch runs beside the loop that answers single requests, over the same model."""
    rows = _rows(500)
    expected = _by_package(rows).tobytes()
    booster = Booster(MODEL)
    wrong: list[int] = []

    def batches() -> None:
        wrong.extend(number for number in range(20) if booster.predict(rows).tobytes() != expected)

    threads = [threading.Thread(target=batches) for _ in range(3)]
    for thread in threads:
        thread.start()
    encoder = RecordEncoder(VOCABULARIES)
    scorer = RowScorer(booster, encoder.row)
    encounter = request_of(cohort(1, seed=9)[0])
    encoder.encode(encounter)
    scores = {scorer.score() for _ in range(2_000)}
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(scores) == 1
