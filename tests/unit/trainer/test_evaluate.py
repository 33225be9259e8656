import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from trainer.calibrate import flag_riskiest, platt, uncalibrated
from trainer.evaluate import OneClass, evaluate, reliability_bins
from trainer.logistic import fit_logistic, logit
from trainer.model import probabilities

Floats = NDArray[np.float64]


def _rows(count: int = 20_000, *, slope: float = 1.0) -> tuple[Floats, Floats]:
    """Give labels and probabilities whose log-odds are `slope` times too far from 0 when it is over 1."""
    generator = np.random.default_rng(7)
    log_odds = generator.normal(-2.0, 0.7, count)
    labels = (generator.random(count) < 1.0 / (1.0 + np.exp(-log_odds))).astype(np.float64)
    return labels, 1.0 / (1.0 + np.exp(-slope * log_odds))


def test_honest_probabilities_are_seen_to_be_honest() -> None:
    """Slope 1, intercept 0, error near 0: what a gate will ask of a model."""
    labels, honest = _rows()
    evaluation = evaluate(labels, honest, threshold=0.2)
    assert evaluation.calibration_slope == pytest.approx(1.0, abs=0.05)
    assert evaluation.calibration_intercept == pytest.approx(0.0, abs=0.1)
    assert evaluation.calibration_in_the_large == pytest.approx(0.0, abs=0.01)
    assert evaluation.ece < 0.01
    assert evaluation.brier_skill > 0


def test_overconfident_probabilities_are_seen_to_be_so() -> None:
    """They rank as well, so nothing but calibration tells them apart."""
    labels, honest = _rows()
    _, overconfident = _rows(slope=2.0)
    good, bad = evaluate(labels, honest, threshold=0.2), evaluate(labels, overconfident, threshold=0.2)
    assert bad.auroc == good.auroc
    assert bad.calibration_slope == pytest.approx(0.5, abs=0.03)
    assert bad.ece > 5 * good.ece
    assert bad.brier > good.brier


def test_figures_at_the_threshold_count_what_reaches_it() -> None:
    """A probability equal to the threshold is flagged, as the served decision says."""
    labels = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    evaluation = evaluate(labels, np.array([0.1, 0.2, 0.5, 0.5, 0.9]), threshold=0.5)
    assert (evaluation.flagged, evaluation.precision, evaluation.recall) == (0.6, 2 / 3, 2 / 3)


def test_nothing_flagged_is_no_error() -> None:
    """A cautious model is a poor one, not a crash."""
    evaluation = evaluate(np.array([0.0, 1.0]), np.array([0.1, 0.2]), threshold=0.9)
    assert (evaluation.flagged, evaluation.precision, evaluation.recall) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_rows_of_one_label_are_refused(label: float) -> None:
    """There is no ranking to measure, and NaN would slip through every comparison."""
    with pytest.raises(OneClass):
        evaluate(np.full(5, label), np.linspace(0.1, 0.5, 5), threshold=0.2)


def test_bins_share_all_rows_evenly() -> None:
    """Bins of equal width would put nearly all rows of an 11 % risk into two of them."""
    labels, honest = _rows(1000)
    bins = reliability_bins(labels, honest)
    assert len(bins) == 15
    assert sum(entry.rows for entry in bins) == 1000
    assert {entry.rows for entry in bins} == {66, 67}
    assert sorted(bins, key=lambda entry: entry.predicted) == list(bins)
    assert len(reliability_bins(labels[:4], honest[:4])) == 4


def test_every_figure_is_a_finite_number_by_name() -> None:
    """They go into events and a registry, which have no NaN."""
    labels, honest = _rows(200)
    figures = evaluate(labels, honest, threshold=0.2).figures()
    assert "bins" not in figures
    assert all(np.isfinite(value) for value in figures.values())


def test_the_logistic_is_the_one_that_scikit_learn_finds() -> None:
    """Newton's method by hand, held against a library without a penalty."""
    labels, overconfident = _rows(slope=2.0)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(overconfident)[:, None], labels)
    assert fit_logistic(logit(overconfident), labels) == pytest.approx(
        (model.coef_[0, 0], model.intercept_[0]), rel=1e-4
    )


@pytest.mark.parametrize(
    ("numbers", "labels"), [([1.0, 1.0, 1.0], [0.0, 1.0, 1.0]), ([-1.0, 0.0, 1.0, 2.0], [0.0, 0.0, 1.0, 1.0])]
)
def test_a_logistic_without_an_answer_still_ends(numbers: list[float], labels: list[float]) -> None:
    """A constant score or a perfect split has no finite best slope; evaluation must not fail over it."""
    slope, intercept = fit_logistic(np.array(numbers), np.array(labels))
    assert abs(slope) <= 100
    assert abs(intercept) <= 100


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_threshold_flags_the_wanted_share(share: float) -> None:
    """It is what a follow-up programme has places for."""
    _, honest = _rows()
    threshold = flag_riskiest(honest, share=share)
    assert np.mean(honest >= threshold.value) == pytest.approx(share, abs=1e-4)
    assert f"{share:.0%}" in threshold.rule


def test_identity_leaves_every_score_as_it_is() -> None:
    """The served probability is then LightGBM's own, bit for bit."""
    _, scores = _rows(100)
    assert probabilities(uncalibrated(scores, share=0.1), scores).tobytes() == scores.tobytes()


def test_platt_makes_overconfident_scores_honest() -> None:
    """What a recipe with soft labels will need."""
    labels, overconfident = _rows(slope=2.0)
    calibration = platt(overconfident, labels, share=0.1)
    honest = probabilities(calibration, overconfident)
    assert evaluate(labels, honest, threshold=calibration.threshold.value).ece < 0.01
    assert np.mean(honest >= calibration.threshold.value) == pytest.approx(0.1, abs=1e-3)
