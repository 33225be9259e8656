"""The object store in memory keeps the promises of the real one."""

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.object_store import ObjectStore
from readmit_runtime.testing.fake_object_store import FakeObjectStore
from support.object_store_contract import ObjectStoreContract


class TestFakeObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        """Give an empty store."""
        return FakeObjectStore()


async def test_a_store_that_is_away_answers_nothing() -> None:
    """Services are tested against outages without a network."""
    store = FakeObjectStore()
    store.away = True
    with pytest.raises(Transient):
        await store.get("a", max_bytes=1)
