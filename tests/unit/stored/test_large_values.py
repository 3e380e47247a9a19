"""Large values of Dicts, through the servicer: in a file, back, popped twice, cleared away."""

import asyncio
import os

import pytest
from modal_proto import api_pb2

from homeport.api.dicts import DictServicer
from homeport.api.gateway import Caller
from homeport.control.large_values import LARGE_BYTES, UNNAMED_S, LargeValues
from homeport.model.errors import FailedPreconditionError
from homeport.store.value_files import ValueFiles

LARGE = b"x" * LARGE_BYTES


class Served:
    def __init__(self, here, folder) -> None:
        self.here = here
        self.folder = folder
        self.dict_id = here.dict_id()
        self.build()

    def build(self) -> None:
        here = self.here
        self.values = LargeValues(here.db, ValueFiles(self.folder), here.expiry, lambda: here.now)
        self.servicer = DictServicer(here.dict_objects, here.dicts, here.answers, self.values)

    def put(self, key: bytes, value: bytes) -> None:
        entry = api_pb2.DictEntry(key=key, value=value)
        self.ask("DictUpdate", api_pb2.DictUpdateRequest(dict_id=self.dict_id, updates=[entry]))

    def pop(self, key: bytes, request: str):
        return self.ask("DictPop", api_pb2.DictPopRequest(dict_id=self.dict_id, key=key), request)

    def ask(self, rpc, message, request: str = ""):
        caller = Caller(None, {"x-idempotency-key": request} if request else {})
        return asyncio.run(getattr(self.servicer, rpc)(message, caller))

    def files(self) -> int:
        return len(list(self.folder.iterdir()))

    def grow_old(self) -> None:
        for entry in os.scandir(self.folder):
            os.utime(entry, (1, 1))


@pytest.fixture
def served(here, tmp_path) -> Served:
    return Served(here, tmp_path / "values")


def test_a_large_value_lies_in_a_file_a_small_one_does_not(served) -> None:
    served.put(b"small", LARGE[1:])
    assert served.files() == 0
    served.put(b"large", LARGE)
    assert served.files() == 1
    request = api_pb2.DictGetRequest(dict_id=served.dict_id, key=b"large")
    assert served.ask("DictGet", request).value == LARGE

    async def listed():
        request = api_pb2.DictContentsRequest(dict_id=served.dict_id, keys=True, values=True)
        return [entry.value async for entry in served.servicer.DictContents(request, Caller(None, {}))]

    assert asyncio.run(listed()) == [LARGE[1:], LARGE]


def test_what_was_popped_is_popped_again_by_the_same_request_only_even_from_the_next_engine(served) -> None:
    served.put(b"k", LARGE)
    assert served.pop(b"k", "one") == api_pb2.DictPopResponse(found=True, value=LARGE)
    served.here.restart()
    served.build()
    served.here.expiry.look()
    assert served.pop(b"k", "one") == api_pb2.DictPopResponse(found=True, value=LARGE)
    assert served.pop(b"k", "two") == api_pb2.DictPopResponse(found=False)


def test_files_that_no_entry_names_go_after_a_while_the_others_stay(served) -> None:
    for value in (LARGE, LARGE + b"2"):
        served.put(b"changed", value)
    served.put(b"popped", LARGE)
    served.pop(b"popped", "one")
    assert served.here.expiry.look() <= served.here.now + UNNAMED_S
    assert served.files() == 3, "too young to go"
    served.here.now += UNNAMED_S
    served.here.expiry.look()
    assert served.files() == 3
    served.grow_old()
    served.here.now += UNNAMED_S
    served.here.expiry.look()
    assert served.files() == 1
    request = api_pb2.DictGetRequest(dict_id=served.dict_id, key=b"changed")
    assert served.ask("DictGet", request).value == LARGE + b"2"


def test_a_file_that_is_lost_is_said_and_not_waited_for(served) -> None:
    served.put(b"k", LARGE)
    for file in served.folder.iterdir():
        file.unlink()
    with pytest.raises(FailedPreconditionError, match="put it there again"):
        served.ask("DictGet", api_pb2.DictGetRequest(dict_id=served.dict_id, key=b"k"))
