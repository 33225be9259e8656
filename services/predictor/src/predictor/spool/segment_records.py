"""Frame records in a segment: length, CRC-32, bytes. What was cut short is read up to its last whole record."""

import struct
from collections.abc import Iterator
from zlib import crc32

_HEADER = struct.Struct("<II")


def frame(record: bytes) -> bytes:
    """Return the record as it stands in a segment: 8 bytes of header, then the record; it may not be empty."""
    return _HEADER.pack(len(record), crc32(record)) + record


class SegmentRecords:
    """The records of a segment's bytes, in order, up to the first that is not whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._whole = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the records from the beginning."""
        self._whole = 0
        while (end := self._end_of_next()) is not None:
            record = self._data[self._whole + _HEADER.size : end]
            self._whole = end
            yield record

    @property
    def torn_bytes(self) -> int:
        """The bytes behind the last whole record; right once the records were read to their end."""
        return len(self._data) - self._whole

    def _end_of_next(self) -> int | None:
        begin = self._whole + _HEADER.size
        if begin > len(self._data):
            return None
        length, digest = _HEADER.unpack_from(self._data, self._whole)
        end: int = begin + length
        # zeros, as a file system leaves them behind a crash of the machine, would be an empty record of the right CRC
        if length == 0 or end > len(self._data) or crc32(self._data[begin:end]) != digest:
            return None
        return end
