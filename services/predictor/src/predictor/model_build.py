"""Build a model from its checked bundle, and prove that it is the one that was trained.

What the library makes of a malformed text nobody knows: `trial.py` comes first.
"""

from collections.abc import Sequence
from datetime import datetime

from readmit_contracts.bundle import MODEL_FILE, Bundle, BundleInvalid
from readmit_contracts.events import ModelPromoted
from readmit_contracts.golden import Record, golden_mismatches
from readmit_contracts.reasons import Reason
from readmit_features import FeaturesInvalid, RecordEncoder, read_features

from predictor.lightgbm_library import Booster, LightGBMFailed, RowScorer
from predictor.serving import LoadedModel, identity_of


def build_model(bundle: Bundle, promotion: ModelPromoted, *, now: datetime) -> LoadedModel:
    """Return the model, warm: it has scored the bundle's golden rows as it did when trained.

    Raises BundleInvalid: FEATURE_VERSION, GOLDEN_MISMATCH, or BUNDLE_INVALID for anything else. Takes some hundred
    milliseconds and belongs into a thread.
    """
    try:
        return _build(bundle, promotion, now)
    except BundleInvalid:
        raise
    except Exception as error:
        # whatever a strange bundle sets off here, the model before has to keep answering
        problem = f"The bundle cannot be used: {type(error).__qualname__}; train again."
        raise BundleInvalid(Reason.BUNDLE_INVALID, problem) from error


def _build(bundle: Bundle, promotion: ModelPromoted, now: datetime) -> LoadedModel:
    try:
        encoder = RecordEncoder(read_features(bundle.features))
    except FeaturesInvalid as error:
        raise BundleInvalid(Reason(error.reason), error.detail) from error
    booster = _read_booster(bundle.model, features=len(encoder.row))
    model = LoadedModel(
        identity=identity_of(promotion),
        feature_version=promotion.feature_version,
        calibration=bundle.calibration,
        encoder=encoder,
        scorer=RowScorer(booster, encoder.row),
        booster=booster,
        since=now,
    )
    _check_golden_rows(model, bundle)
    return model


def _read_booster(text: bytes, *, features: int) -> Booster:
    try:
        booster = Booster(text)
    except LightGBMFailed as error:
        raise _invalid("cannot be read as a LightGBM model") from error
    if booster.features() != features:
        raise _invalid(f"takes {booster.features()} features, the feature definition has {features}")
    return booster


def _check_golden_rows(model: LoadedModel, bundle: Bundle) -> None:
    def answer(record: Record) -> tuple[Sequence[float], float]:
        probability = model.probability(record)
        return model.encoder.row.tolist(), probability

    wrong = golden_mismatches(bundle.golden, answer)
    if wrong:
        raise BundleInvalid(
            Reason.GOLDEN_MISMATCH,
            f"{len(wrong)} of {len(bundle.golden.rows)} golden rows are scored otherwise than when trained, the first "
            f"is number {wrong[0]}; compare the versions of features and LightGBM with the trainer's.",
        )


def _invalid(problem: str) -> BundleInvalid:
    return BundleInvalid(Reason.BUNDLE_INVALID, f"{MODEL_FILE} {problem}; train again.")
