"""Run a predictor that counts nothing of a request, to see what counting costs; everything else is the predictor's.

The three calls stay, and so do the looks at the clock around them; what they would do does not.
"""

import sys

from predictor import __main__ as predictor
from predictor.metrics import PredictorMetrics
from readmit_contracts.events import PredictionRecord


class Unmeasured(PredictorMetrics):
    """Metrics that no request changes."""

    def answered(self, path: str, status: int | None, seconds: float) -> None:
        """Count no request."""

    def inferred(self, seconds: float) -> None:
        """Note no time."""

    def scored(self, record: PredictionRecord) -> None:
        """Count no probability."""


if __name__ == "__main__":
    predictor.PredictorMetrics = Unmeasured
    sys.exit(predictor.main())
