"""Call LightGBM's C library by ctypes.

The Python package around it brings pandas, SciPy and scikit-learn along: 80 MB and two seconds, for one call.
"""

import ctypes
import importlib.util
import logging
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NAMES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
_FLOAT64 = 1
_ROW_MAJOR = 1
_PROBABILITY = 0
_ALL_TREES = (0, -1)
# One thread: waking others for a single row costs more than its scoring, and a batch leaves the cores to the others.
_PARAMETERS = b"num_threads=1 verbosity=-1"

log = logging.getLogger("lightgbm")


class LightGBMFailed(Exception):
    """The library refused a call; the text is its own."""


class Booster:
    """A model in the library's memory, freed with the last reference to it; every thread may use it."""

    def __init__(self, text: bytes) -> None:
        """Read a model in LightGBM's text format; raises LightGBMFailed."""
        self._library = _library()
        self.handle = ctypes.c_void_p()
        trees = ctypes.c_int()
        self._library.call("LGBM_BoosterLoadModelFromString", text, ctypes.byref(trees), ctypes.byref(self.handle))
        _free_with(self, self._library.free_booster, self.handle)

    def features(self) -> int:
        """Return how many numbers a row has."""
        found = ctypes.c_int()
        self._library.call("LGBM_BoosterGetNumFeature", self.handle, ctypes.byref(found))
        return found.value

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each row, float64 (rows,), for float64 (rows, features) in C order.

        Other threads run meanwhile. Raises LightGBMFailed.
        """
        count, features = rows.shape
        answers = np.empty(count)
        length = ctypes.c_int64()
        self._library.call(
            "LGBM_BoosterPredictForMat", self.handle, _address(rows), _FLOAT64,
            ctypes.c_int32(count), ctypes.c_int32(features), _ROW_MAJOR, _PROBABILITY, *_ALL_TREES, _PARAMETERS,
            ctypes.byref(length), _address(answers),
        )  # fmt: skip
        if length.value != count:
            raise LightGBMFailed(f"{count} rows got {length.value} answers; is it a model of two classes?")
        return answers


class RowScorer:
    """Scores one row that stays where it is: the owner fills the row, then asks.

    Row and scorer are shared state without a lock: one thread uses both, and nothing is awaited between filling and
    asking.
    """

    def __init__(self, booster: Booster, row: NDArray[np.float64]) -> None:
        """Take the row, float64 (features,), which must not move; raises LightGBMFailed."""
        library = _library()
        prepared = ctypes.c_void_p()
        library.call(
            "LGBM_BoosterPredictForMatSingleRowFastInit", booster.handle, _PROBABILITY, *_ALL_TREES, _FLOAT64,
            ctypes.c_int32(len(row)), _PARAMETERS, ctypes.byref(prepared),
        )  # fmt: skip
        _free_with(self, library.free_prepared, prepared)
        self._booster = booster  # what is prepared points into it
        self._row = row
        self._length = ctypes.c_int64()
        self._answer = ctypes.c_double()
        self._error = library.error
        self._score = library.score_row
        self._arguments = (
            prepared,
            _address(row),
            ctypes.byref(self._length),
            ctypes.byref(self._answer),
        )

    def score(self) -> float:
        """Return the probability of the row; raises LightGBMFailed."""
        if self._score(*self._arguments) != 0:
            raise self._error()
        return self._answer.value


class _Library:
    """The opened library; each failed call becomes an error."""

    def __init__(self, path: Path) -> None:
        self._functions = ctypes.CDLL(str(path))
        self._functions.LGBM_GetLastError.restype = ctypes.c_char_p
        # A row takes some microseconds. Letting go of the interpreter's lock for it would mean to queue for it again
        # behind a batch.
        self.score_row = ctypes.PyDLL(str(path)).LGBM_BoosterPredictForMatSingleRowFast
        self.free_booster = self._functions.LGBM_BoosterFree
        self.free_prepared = self._functions.LGBM_FastConfigFree
        self._print = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_log)  # kept: the library calls it for ever
        self.call("LGBM_RegisterLogCallback", self._print)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that answers 0 when it succeeded; raises LightGBMFailed."""
        function: Callable[..., int] = getattr(self._functions, name)
        if function(*arguments) != 0:
            raise self.error()

    def error(self) -> LightGBMFailed:
        """Return what went wrong in this thread's last call."""
        text: bytes = self._functions.LGBM_GetLastError()
        return LightGBMFailed(text.decode(errors="replace"))


@cache
def _library() -> _Library:
    return _Library(_find())


def _find() -> Path:
    spec = importlib.util.find_spec("lightgbm")  # finds the package without importing it
    folders = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    for folder in folders:
        for name in _NAMES:
            if (folder / "lib" / name).is_file():
                return folder / "lib" / name
    raise LightGBMFailed("The library of the package lightgbm is not installed; install the locked requirements.")


def _address(numbers: NDArray[np.float64]) -> ctypes.c_void_p:
    """Return where they lie; whoever calls keeps them. `data_as` would, and leaves a cycle for the collector."""
    return ctypes.c_void_p(numbers.ctypes.data)


def _free_with(owner: object, free: Callable[[ctypes.c_void_p], int], handle: ctypes.c_void_p) -> None:
    weakref.finalize(owner, free, handle).atexit = False  # the process's end frees everything


def _log(text: bytes) -> None:
    if text.strip():  # a line end comes as a text of its own
        log.warning("%s", text.decode(errors="replace").strip())
