"""Say what an access key is: how its text is made, and what is known of it, which is never the text.

A key is `rk_<id>_<secret>`: the id names it in lists and logs, the secret has 256 random bits. Kafka holds the SHA-256
of the whole text. Of so many random bits a plain digest gives nothing away, so it need not be slow.
"""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Annotated

from msgspec import Meta

from readmit_contracts.fields import Message, Moment, Sha256

PREDICT_SCOPE = "predict"
ID_BYTES = 8
SECRET_BYTES = 32

KeyId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}(?!\n)$", description="The key's public part.")]
Scope = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}(?!\n)$", description="What the key may be used for: predict.")
]

_KEY = re.compile(r"rk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")


class AccessKey(Message, frozen=True, kw_only=True):
    """A key may be used from now on; a message without a value under the same id revokes it."""

    key_template = "{0.key_id}"
    key_id: KeyId
    sha256: Annotated[Sha256, Meta(description="SHA-256 of the key's text.")]
    scopes: Annotated[tuple[Scope, ...], Meta(max_length=10, description="What it may be used for.")]
    expires_at: Annotated[Moment | None, Meta(description="From when on it is refused; none for never.")]
    label: Annotated[
        str,
        Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$", description="Whom or what it was made for."),
    ]


def make_key(id_bytes: bytes, secret: bytes) -> str:
    """Return a key's text, of `ID_BYTES` and `SECRET_BYTES` of randomness; raises ValueError for any other number."""
    if len(id_bytes) != ID_BYTES or len(secret) != SECRET_BYTES:
        raise ValueError(f"A key is made of {ID_BYTES} and {SECRET_BYTES} random bytes.")
    return f"rk_{id_bytes.hex()}_{urlsafe_b64encode(secret).rstrip(b'=').decode()}"


def key_id_of(key: str) -> str | None:
    """Return the id of a key's text; None when it is no such text."""
    found = _KEY.fullmatch(key)
    return found.group(1) if found else None


def digest_of(key: str) -> str:
    """Return what is kept of a key's text."""
    return sha256(key.encode()).hexdigest()
