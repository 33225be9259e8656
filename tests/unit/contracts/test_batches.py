from hashlib import sha256

from readmit_contracts.batches import batches_sha256, content_sha256
from support.message_examples import batch


def test_a_content_hash_covers_lines_and_their_bounds() -> None:
    """Two batches that differ in where a line ends are different batches."""
    assert content_sha256([b"1,0,a", b"1,1,b"]) == sha256(b"1,0,a\n1,1,b\n").hexdigest()
    assert content_sha256([b"1,0,a1,1,b"]) != content_sha256([b"1,0,a", b"1,1,b"])
    assert content_sha256([]) == sha256(b"").hexdigest()


def test_the_digest_of_a_set_does_not_depend_on_the_order() -> None:
    """The same training set is the same job, however the query returned it."""
    refs = [batch("train", number) for number in range(12)] + [batch("validation", 0)]
    assert batches_sha256(refs) == batches_sha256(refs[::-1])


def test_the_digest_of_a_set_changes_with_every_batch_and_its_rows() -> None:
    """A batch cleaned again after a correction makes another training set."""
    sets = [[], [batch()], [batch(rows=1)], [batch("test")], [batch("train", 1)], [batch(), batch("train", 1)]]
    assert len({batches_sha256(refs) for refs in sets}) == len(sets)
