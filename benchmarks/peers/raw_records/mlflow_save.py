"""Save the pyfunc model for `mlflow models serve`: give a bundle's folder and the folder to make."""

import sys
from pathlib import Path

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from readmit_contracts.predictions import REQUEST_COLUMNS


def save(bundle: Path, folder: Path) -> None:
    """Save it with an explicit signature: whole numbers are `long`, what may be unknown is optional."""
    inputs = [
        ColSpec("long" if column.kind == "integer" else "string", column.name, required=not column.missing)
        for column in REQUEST_COLUMNS
    ]
    mlflow.pyfunc.save_model(
        folder,
        python_model=Path(__file__).with_name("mlflow_pyfunc.py"),
        artifacts={"model": str(bundle / "model.txt"), "features": str(bundle / "features.json")},
        signature=ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec("double")])),
        pip_requirements=["lightgbm", "msgspec", "pandas"],
    )


if __name__ == "__main__":
    save(Path(sys.argv[1]), Path(sys.argv[2]))
