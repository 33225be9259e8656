"""Name a record that is set aside whole."""

from dataclasses import dataclass

from readmit_contracts.reasons import Reason
from readmit_runtime.messages import IncomingRecord


@dataclass(frozen=True)
class ParkedRecord:
    """A record that can't be used, as it came; `detail` holds no value of a row."""

    record: IncomingRecord
    reason: Reason
    detail: str
