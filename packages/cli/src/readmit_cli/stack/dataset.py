"""Find the dataset once and keep it at one path, where the batch producer and the tests look."""

import os
from collections.abc import Callable
from pathlib import Path

from readmit_contracts.source import DatasetInvalid
from readmit_runtime.dataset_location import locate_dataset

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError


def dataset_path(checkout: Checkout) -> Path:
    """Answer where the dataset is for the stack: a link to the real file, or to the synthetic one."""
    return checkout.installed / "data" / "dataset.csv"


def ensure(checkout: Checkout, announce: Callable[[str], None]) -> bool:
    """Find or fetch the file and link to it; answer whether it is the real one. Raises StackError for a wrong file."""
    link = dataset_path(checkout)
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = locate_dataset(state=checkout.installed, checkout=checkout.root, environ=os.environ, announce=announce)
    except DatasetInvalid as error:
        raise StackError(str(error)) from error
    beside = link.with_name(f".{link.name}.{os.getpid()}")
    beside.symlink_to(found.path)
    beside.replace(link)
    return found.real
