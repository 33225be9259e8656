"""Make random ids in this process: asking the kernel for each takes longer than the rest of it.

They have to differ, not to be secret: who has seen many can tell the next, so nothing may be granted for showing one.
The generator is seeded by the kernel with more bits than an id has.
"""

import random
from uuid import UUID

_bits = random.Random().getrandbits  # noqa: S311 - nothing here is a secret


def random_uuid() -> UUID:
    """Return a UUID of version 4."""
    return UUID(int=_bits(128), version=4)


def random_hex() -> bytes:
    """Return 32 hexadecimal digits."""
    return b"%032x" % _bits(128)
