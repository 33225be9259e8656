"""Say how a model is fitted: everything that decides its bytes, besides the rows and the library versions."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import msgspec
from msgspec import Meta

Parameter = int | float | str | bool | Sequence[str]

LIBRARIES = ("lightgbm", "numpy", "pyarrow")


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LightGBM fit with early stopping on the validation rows' AUROC.

    Categories come in as plain integer codes and stay numbers to LightGBM: as native categories the hundreds of
    diagnosis codes overfit, and the model ranks worse than a logistic regression.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="What people call it.")]
    feature_version: Annotated[int, Meta(ge=1, description="The version of the feature definition it is made for.")]
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 0.04
    num_leaves: Annotated[int, Meta(ge=2, le=256)] = 24
    min_data_in_leaf: Annotated[int, Meta(ge=1, le=10_000)] = 100
    feature_fraction: Annotated[float, Meta(gt=0, le=1)] = 0.3
    bagging_fraction: Annotated[float, Meta(gt=0, le=1)] = 0.9
    max_bin: Annotated[int, Meta(ge=2, le=4096)] = 255
    rounds_max: Annotated[int, Meta(ge=1, le=10_000, description="Trees at most.")] = 1500
    early_stopping_rounds: Annotated[int, Meta(ge=1, le=1000, description="Trees without a better AUROC.")] = 60
    flagged_share: Annotated[float, Meta(gt=0, lt=1, description="Validation share at or over the threshold.")] = 0.1
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    threads: Annotated[int, Meta(ge=1, le=64, description="Fixed, because sums depend on it.")] = 2

    def parameters(self) -> dict[str, Parameter]:
        """Return LightGBM's parameters."""
        return {
            "objective": "binary",
            "metric": ["auc"],
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "max_bin": self.max_bin,
            "feature_pre_filter": False,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,  # else LightGBM times both ways and may choose another one on another day
            "verbosity": -1,
        }

    def digest(self) -> str:
        """Return the SHA-256 of the recipe's fields, parameters included, as 64 hex digits."""
        content = {"recipe": msgspec.to_builtins(self), "parameters": self.parameters()}
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def baseline(*, threads: int = 2) -> Recipe:
    """Return the recipe that later ones have to beat: AUROC .690 on the real validation rows, .683 on the test rows."""
    return Recipe(name="baseline", feature_version=1, threads=threads)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that a fit's bytes depend on, by distribution name."""
    return {name: version(name) for name in LIBRARIES}
