import msgspec
import pytest
from readmit_contracts.access import AccessKey, digest_of, key_id_of, make_key

KEY = make_key(b"\x01" * 8, b"\xff" * 32)


def test_a_key_carries_its_id_and_all_of_its_randomness() -> None:
    """The id is public and has to be found in the text; the secret must not be cut."""
    assert KEY == "rk_0101010101010101_" + "_" * 42 + "8"
    assert key_id_of(KEY) == "0101010101010101"
    assert len({make_key(b"\x01" * 8, bytes([number]) * 32) for number in range(256)}) == 256


@pytest.mark.parametrize("randomness", [(b"\x01" * 7, b"\x01" * 32), (b"\x01" * 8, b"\x01" * 31), (b"", b"")])
def test_a_key_of_less_randomness_is_not_made(randomness: tuple[bytes, bytes]) -> None:
    """A short secret could be guessed, and nobody would see it."""
    with pytest.raises(ValueError, match="random bytes"):
        make_key(*randomness)


@pytest.mark.parametrize("text", ["", "rk_", KEY[:-1], KEY + "a", KEY.upper(), " " + KEY, KEY + "\n", KEY[3:]])
def test_any_other_text_is_no_key(text: str) -> None:
    """What is no key needs no looking up."""
    assert key_id_of(text) is None


def test_only_the_digest_is_kept() -> None:
    """Who can read the topic must not be able to use a key of it."""
    key = AccessKey(key_id="0101010101010101", sha256=digest_of(KEY), scopes=("predict",), expires_at=None, label="x")
    assert KEY[20:] not in msgspec.json.encode(key).decode()
    assert digest_of(KEY) != digest_of(KEY[:-1])
