"""No key of an object can mean another place than it says."""

import pytest
from readmit_runtime.object_store import KeyInvalid, check_key, check_prefix


@pytest.mark.parametrize(
    "key", ["a", "models/0f3a/model.txt", "datasets/ab-c_d/part=1.parquet", "_x/y", "a" * 512], ids=lambda key: key[:20]
)
def test_plain_paths_are_keys(key: str) -> None:
    """Digests, names and file endings must pass."""
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".hidden", "a b", "a\n", "a\\b", "http://x/y", "ä", "a" * 513],
    ids=lambda key: repr(key)[:20],
)
def test_anything_that_could_climb_or_needs_quoting_is_refused(key: str) -> None:
    """Stores, signatures and local caches read such keys differently."""
    with pytest.raises(KeyInvalid):
        check_key(key)


@pytest.mark.parametrize("prefix", ["", "models/", "models/0f", "models/0f/mod"])
def test_the_beginning_of_a_key_is_a_prefix(prefix: str) -> None:
    """Listing by a folder or by the start of a digest are both of use."""
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "../", "models//", "a b"])
def test_what_no_key_begins_with_is_no_prefix(prefix: str) -> None:
    """An empty answer to a misspelt prefix looks like an empty bucket."""
    with pytest.raises(KeyInvalid):
        check_prefix(prefix)
