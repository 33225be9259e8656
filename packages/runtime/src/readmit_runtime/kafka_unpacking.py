"""Bound what a compressed batch may unpack to: ten kilobytes on the wire can be hundreds of megabytes in memory.

The broker bounds a batch as it was sent; the client library unpacks it whole and has no limit. So the codecs that can
be abused are replaced, for the whole process, by ones that give up in time. Snappy stays: it cannot grow that much.
"""

import sys
import zlib
from collections.abc import Callable
from types import ModuleType

import cramjam
from aiokafka.record import default_records

UNPACKED_MAX_BYTES = 16 * 1024 * 1024  # many times what a topic takes as one batch
_GZIP = 16 + zlib.MAX_WBITS


class UnpackingRefused(Exception):
    """A batch unpacks to more than it may, or not at all."""


def bound_unpacking() -> None:
    """Give the client library the bounded codecs; may be called again."""
    codecs = {
        "gzip_decode": _gunzip,
        "lz4_decode": _bounded(cramjam.lz4.decompress_into),
        "zstd_decode": _bounded(cramjam.zstd.decompress_into),
    }
    # The compiled reader, where the library has one, holds the names in a module of its own.
    for module in {default_records, sys.modules[default_records.DefaultRecordBatch.__module__]}:
        _replace(module, codecs)


def _replace(module: ModuleType, codecs: dict[str, Callable[[bytes], bytes]]) -> None:
    for name, codec in codecs.items():
        if not hasattr(module, name):
            raise LookupError(f"{module.__name__} has no {name} to be bounded; compare the library's version.")
        setattr(module, name, codec)


def _bounded(unpack_into: Callable[[bytes, bytearray], int]) -> Callable[[bytes], bytes]:
    def unpack(packed: bytes) -> bytes:
        room = bytearray(UNPACKED_MAX_BYTES)
        try:
            size = unpack_into(packed, room)
        except cramjam.DecompressionError:
            raise UnpackingRefused from None
        return bytes(memoryview(room)[:size])

    return unpack


def _gunzip(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacker.decompress(packed, UNPACKED_MAX_BYTES)
    except zlib.error:
        raise UnpackingRefused from None
    if not unpacker.eof:
        raise UnpackingRefused
    return unpacked
