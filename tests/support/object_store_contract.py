"""What every object store promises; run against the one in memory and the real one."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from readmit_runtime.object_store import (
    KeyInvalid,
    ObjectDiffers,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    StoredObject,
)

PART_BYTES = 5 * 1024 * 1024


class ObjectStoreContract:
    """Subclasses give the fixture `store`; keys are random, so that a shared bucket serves."""

    @pytest.fixture
    def folder(self) -> str:
        """Name a folder that nobody else uses."""
        return f"contract/{uuid4().hex}"

    async def test_what_was_put_is_got_back(self, store: ObjectStore, folder: str) -> None:
        """A bundle's bytes are its identity."""
        content = bytes(range(256)) * 100
        assert await store.put_if_absent(f"{folder}/a.bin", content) is True
        assert await store.get(f"{folder}/a.bin", max_bytes=len(content)) == content

    async def test_an_empty_object_is_an_object(self, store: ObjectStore, folder: str) -> None:
        """Nothing and an empty file are different answers."""
        await store.put_if_absent(f"{folder}/empty", b"")
        assert await store.get(f"{folder}/empty", max_bytes=0) == b""
        assert await store.exists(f"{folder}/empty")

    async def test_a_second_put_of_the_same_object_writes_nothing(self, store: ObjectStore, folder: str) -> None:
        """After a crash everything is put again, and it must cost nothing."""
        assert await store.put_if_absent(f"{folder}/a", b"one") is True
        assert await store.put_if_absent(f"{folder}/a", b"one") is False

    async def test_two_writers_of_one_object_leave_it_whole(self, store: ObjectStore, folder: str) -> None:
        """A worker that lost its lease may still be writing."""
        content = b"x" * 100_000
        await asyncio.gather(*(store.put_if_absent(f"{folder}/a", content) for _ in range(4)))
        assert await store.get(f"{folder}/a", max_bytes=200_000) == content

    async def test_another_size_under_the_same_key_is_an_error(self, store: ObjectStore, folder: str) -> None:
        """The key comes from the content: one of the two is wrong, and neither may win in silence."""
        await store.put_if_absent(f"{folder}/a", b"one")
        with pytest.raises(ObjectDiffers, match=f"{folder}/a"):
            await store.put_if_absent(f"{folder}/a", b"three")
        assert await store.get(f"{folder}/a", max_bytes=10) == b"one"

    async def test_a_file_larger_than_one_part_arrives_whole(
        self, store: ObjectStore, folder: str, tmp_path: Path
    ) -> None:
        """Frames are uploaded from disk, in parts, without being read at once."""
        content = b"0123456789abcdef" * (PART_BYTES // 16) + b"tail"
        file = tmp_path / "frame.parquet"
        file.write_bytes(content)
        assert await store.put_if_absent(f"{folder}/frame.parquet", file) is True
        assert await store.get(f"{folder}/frame.parquet", max_bytes=2 * PART_BYTES) == content

    async def test_an_absent_object_is_missing_and_has_no_entry(self, store: ObjectStore, folder: str) -> None:
        """Absence is an answer, not a fault of the store."""
        with pytest.raises(ObjectMissing, match=f"{folder}/none"):
            await store.get(f"{folder}/none", max_bytes=10)
        assert await store.stat(f"{folder}/none") is None
        assert not await store.exists(f"{folder}/none")

    async def test_an_object_above_the_readers_limit_is_refused(self, store: ObjectStore, folder: str) -> None:
        """Whoever can write to the bucket must not fill a reader's memory."""
        await store.put_if_absent(f"{folder}/large", b"x" * 1001)
        with pytest.raises(ObjectTooLarge, match="1000 bytes"):
            await store.get(f"{folder}/large", max_bytes=1000)
        assert len(await store.get(f"{folder}/large", max_bytes=1001)) == 1001

    async def test_an_entry_tells_key_and_size(self, store: ObjectStore, folder: str) -> None:
        """Sizes are checked against manifests before anything is fetched."""
        await store.put_if_absent(f"{folder}/a", b"one")
        assert await store.stat(f"{folder}/a") == StoredObject(f"{folder}/a", 3)

    async def test_a_list_has_all_keys_of_the_prefix_in_order(self, store: ObjectStore, folder: str) -> None:
        """Folders are a way of speaking: keys below them are listed too."""
        for name in ("b/2", "a", "b/1", "b/10/x"):
            await store.put_if_absent(f"{folder}/{name}", name.encode())
        assert [entry.key for entry in await store.list(f"{folder}/")] == [
            f"{folder}/{name}" for name in ("a", "b/1", "b/10/x", "b/2")
        ]
        assert [entry.key for entry in await store.list(f"{folder}/b/1")] == [f"{folder}/b/1", f"{folder}/b/10/x"]
        assert list(await store.list(f"{folder}/none")) == []

    async def test_a_key_that_is_no_plain_path_is_refused(self, store: ObjectStore) -> None:
        """A key from a message must not reach another folder."""
        for key in ("../a", "a//b", ""):
            with pytest.raises(KeyInvalid):
                await store.put_if_absent(key, b"x")
            with pytest.raises(KeyInvalid):
                await store.get(key, max_bytes=1)
