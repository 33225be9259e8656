"""Carry a model's files, as they were fetched, with the promotion that they answer for."""

from collections.abc import Mapping

import msgspec
from readmit_contracts.bundle import Bundle, read_bundle
from readmit_contracts.events import ModelPromoted


class PromotedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried, loaded and kept: the manifest and every file that it names, byte by byte."""

    promotion: ModelPromoted
    manifest: bytes
    files: Mapping[str, bytes]

    def read(self) -> Bundle:
        """Return the bundle, every digest checked; raises BundleInvalid."""
        return read_bundle(self.manifest, self.files, model_id=self.promotion.model_id)

    def encode(self) -> bytes:
        """Return all of it as one MessagePack value."""
        return _ENCODER.encode(self)


def decode(data: bytes) -> PromotedBundle:
    """Return what was encoded; raises msgspec.DecodeError."""
    return _DECODER.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(PromotedBundle)
