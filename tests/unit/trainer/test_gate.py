import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from readmit_contracts.events import ModelEvaluated
from sklearn.metrics import roc_auc_score
from trainer.bootstrap import RankedRows, paired_auroc_gains
from trainer.decision import Decision
from trainer.gate import NOT_BETTER, Judged, decide

Floats = NDArray[np.float64]

GENERATOR = np.random.default_rng(11)
ROWS = 3000
PATIENTS = np.arange(ROWS) // 2
RISK = GENERATOR.normal(size=ROWS)
LABELS = (GENERATOR.random(ROWS) < 1.0 / (1.0 + np.exp(2.0 - RISK))).astype(np.float64)


def _model(noise: float, *, letter: str) -> Judged:
    """Give a model that knows the risk up to some noise."""
    seen = RISK + np.random.default_rng(ord(letter)).normal(size=ROWS) * noise
    return Judged(model_id=letter * 64, probabilities=1.0 / (1.0 + np.exp(2.0 - seen)), threshold=0.3)


GOOD, POOR = _model(0.2, letter="a"), _model(2.0, letter="b")


def _decide(challenger: Judged, champion: Judged | None) -> Decision:
    return decide(LABELS, PATIENTS, challenger=challenger, champion=champion)


def test_without_a_champion_every_model_passes() -> None:
    """Something has to serve first."""
    decision = _decide(POOR, None)
    assert decision.passed
    assert decision.champion is None
    assert not any(name.startswith(("champion_", "auroc_gain")) for name in decision.metrics)


def test_a_better_model_passes_with_its_gain_on_record() -> None:
    """The point estimate decides; the bounds say how sure it is."""
    decision = _decide(GOOD, POOR)
    gain = decision.metrics["challenger_auroc"] - decision.metrics["champion_auroc"]
    assert decision.passed
    assert decision.refusals == ()
    assert decision.metrics["auroc_gain"] == gain
    assert 0 < decision.metrics["auroc_gain_lower"] < gain < decision.metrics["auroc_gain_upper"]


@pytest.mark.parametrize("champion", [GOOD, _model(0.2, letter="c")], ids=["the better one", "its equal"])
def test_a_model_that_is_not_better_is_refused_with_a_reason(champion: Judged) -> None:
    """A refusal is a normal outcome, and one without a reason helps nobody."""
    challenger = POOR if champion is GOOD else msgspec.structs.replace(champion, model_id="d" * 64)
    decision = _decide(challenger, champion)
    assert not decision.passed
    assert decision.refusals == (NOT_BETTER,)


def test_a_decision_counts_rows_and_patients_and_names_both_models() -> None:
    """Evidence says what it was taken from."""
    decision = _decide(GOOD, POOR)
    assert (decision.rows, decision.patients) == (ROWS, ROWS // 2)
    assert (decision.challenger, decision.champion) == ("a" * 64, "b" * 64)


def test_the_same_rows_and_models_give_the_same_decision() -> None:
    """A decision can be checked years later."""
    assert msgspec.json.encode(_decide(GOOD, POOR)) == msgspec.json.encode(_decide(GOOD, POOR))


def test_a_decision_fits_the_event_that_tells_of_it() -> None:
    """Names and figures go to the topic as they are."""
    decision = _decide(POOR, GOOD)
    kinds = {field.name: field.type for field in msgspec.structs.fields(ModelEvaluated)}
    assert msgspec.convert(dict(decision.metrics), kinds["metrics"]) == decision.metrics
    assert msgspec.convert(decision.refusals, kinds["refusals"]) == decision.refusals


def test_a_weighted_auroc_is_that_of_scikit_learn() -> None:
    """The fast one is only worth its lines while it agrees, ties included."""
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 40, ROWS) / 40.0
    weights = generator.integers(0, 4, ROWS).astype(np.float64)
    expected = roc_auc_score(LABELS, scores, sample_weight=weights)
    assert RankedRows.by(scores, LABELS).auroc(weights) == pytest.approx(expected, abs=1e-12)


def test_a_model_gains_nothing_over_itself() -> None:
    """Both are judged on the same draw, so chance falls out of the difference."""
    gains = paired_auroc_gains(LABELS, PATIENTS, GOOD.probabilities, GOOD.probabilities, repetitions=20, seed=1)
    assert gains.tolist() == [0.0] * 20


def test_patients_are_drawn_with_all_their_rows() -> None:
    """Nine rows that repeat a patient's first add no certainty; drawing rows by themselves would claim they do."""
    labels, good, poor = (np.repeat(column[:300], 9) for column in (LABELS, GOOD.probabilities, POOR.probabilities))
    by_row, by_patient = (
        paired_auroc_gains(labels, patients, good, poor, repetitions=300, seed=1).std()
        for patients in (np.arange(2700), np.arange(2700) // 9)
    )
    assert by_patient == pytest.approx(3 * by_row, rel=0.2)


def test_draws_of_one_label_are_left_out() -> None:
    """They have no AUROC, and one NaN would make every bound NaN."""
    labels = np.array([1.0, 0.0, 0.0])
    scores = np.array([0.9, 0.2, 0.1])
    gains = paired_auroc_gains(labels, np.array([1, 2, 3]), scores, scores, repetitions=200, seed=1)
    assert 0 < len(gains) < 200
    assert not np.isnan(gains).any()
