"""Fit a LightGBM booster by a recipe."""

from collections.abc import Callable

import lightgbm
import msgspec
import numpy as np
from lightgbm.callback import CallbackEnv
from numpy.typing import NDArray
from readmit_features import FEATURE_NAMES

from trainer.recipe import Recipe

OnRound = Callable[[int, float], None]


class Examples(msgspec.Struct, frozen=True):
    """Encoded rows (rows, features) and their labels (rows,), 0 or 1; both float64."""

    inputs: NDArray[np.float64]
    labels: NDArray[np.float64]


class Fitted(msgspec.Struct, frozen=True):
    """A fitted model: LightGBM's text with the best iteration's trees, and the validation AUROC after each tree."""

    model: bytes
    best_iteration: int
    validation_auroc: tuple[float, ...]


def fit_booster(recipe: Recipe, *, train: Examples, validation: Examples, on_round: OnRound) -> Fitted:
    """Fit on `train` until the AUROC on `validation` no longer rises; `on_round` gets each tree's number and AUROC.

    The same recipe, rows and libraries give the same bytes.
    """
    parameters = recipe.parameters()
    names = list(FEATURE_NAMES)
    train_set = lightgbm.Dataset(train.inputs, train.labels, feature_name=names, params=parameters)
    validation_set = train_set.create_valid(validation.inputs, validation.labels)
    curve: list[float] = []

    def record(environment: CallbackEnv) -> None:
        auroc = float((environment.evaluation_result_list or [])[0][2])
        curve.append(auroc)
        on_round(len(curve), auroc)

    booster = lightgbm.train(
        parameters,
        train_set,
        num_boost_round=recipe.rounds_max,
        valid_sets=[validation_set],
        valid_names=["validation"],
        callbacks=[record, lightgbm.early_stopping(recipe.early_stopping_rounds, verbose=False)],
    )
    model = booster.model_to_string(num_iteration=booster.best_iteration)
    return Fitted(model.encode(), booster.best_iteration, tuple(curve))
