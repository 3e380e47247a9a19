"""Dicts and Queues on the worst day: engines killed with -9, clients that ask again, full partitions."""

import json
import re
import signal

import pytest
from modal_proto import api_pb2

from tests.support.grpc_client import send
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once_as("root")


def made_queue(engine, name):
    request = api_pb2.QueueGetOrCreateRequest(
        deployment_name=name, object_creation_type=api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
    )
    answer = send(engine, "QueueGetOrCreate", request.SerializeToString())
    return api_pb2.QueueGetOrCreateResponse.FromString(answer).queue_id


def taken(engine, queue_id, key, n=1):
    request = api_pb2.QueueGetRequest(queue_id=queue_id, n_values=n)
    answer = send(engine, "QueueGet", request.SerializeToString(), key=key)
    return list(api_pb2.QueueGetResponse.FromString(answer).values)


def test_what_was_put_is_there_after_the_engine_was_killed_in_its_order(engine, python, modal, write):
    write(
        "put.py",
        """
        import modal

        queue = modal.Queue.from_name("wire-killed", create_if_missing=True)
        queue.put_many(list(range(100)))
        queue.put("p", partition="p")
        scores = modal.Dict.from_name("wire-killed", create_if_missing=True)
        scores.update({number: number * number for number in range(100)})
        scores.pop(7)
        """,
    )
    write(
        "get.py",
        """
        import modal

        queue = modal.Queue.from_name("wire-killed")
        assert queue.get_many(60) + [queue.get() for _ in range(40)] == list(range(100))
        assert queue.get(partition="p") == "p" and queue.len(total=True) == 0
        scores = modal.Dict.from_name("wire-killed")
        assert dict(scores.items()) == {n: n * n for n in range(100) if n != 7}
        print("ALL THERE")
        """,
    )
    python("put.py")
    engine.kill()
    engine.start()
    assert "ALL THERE" in python("get.py").out
    modal("queue", "delete", "--yes", "wire-killed")
    modal("dict", "delete", "--yes", "wire-killed")


def test_a_client_whose_answer_was_lost_with_the_engine_gets_the_same_one_and_puts_nothing_twice(engine):
    queue_id = made_queue(engine, "wire-repeated")
    put = api_pb2.QueuePutRequest(queue_id=queue_id, values=[b"1", b"2", b"3"]).SerializeToString()
    send(engine, "QueuePut", put, key="put")
    assert taken(engine, queue_id, "first") == [b"1"]
    engine.kill()
    engine.start()
    send(engine, "QueuePut", put, key="put")
    assert taken(engine, queue_id, "first") == [b"1"]
    assert taken(engine, queue_id, "second", n=9) == [b"2", b"3"]
    delete = api_pb2.QueueDeleteRequest(queue_id=queue_id).SerializeToString()
    send(engine, "QueueDelete", delete, key="delete")
    engine.kill()
    engine.start()
    send(engine, "QueueDelete", delete, key="delete")


def test_the_same_for_what_was_popped_and_for_a_lock_that_was_taken(engine):
    request = api_pb2.DictGetOrCreateRequest(
        deployment_name="wire-repeated", object_creation_type=api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
    )
    made = send(engine, "DictGetOrCreate", request.SerializeToString())
    dict_id = api_pb2.DictGetOrCreateResponse.FromString(made).dict_id
    entry = api_pb2.DictEntry(key=b"lock", value=b"mine")
    lock = api_pb2.DictUpdateRequest(dict_id=dict_id, updates=[entry], if_not_exists=True).SerializeToString()
    pop = api_pb2.DictPopRequest(dict_id=dict_id, key=b"lock").SerializeToString()
    locked = send(engine, "DictUpdate", lock, key="lock")
    assert api_pb2.DictUpdateResponse.FromString(locked).created
    engine.kill()
    engine.start()
    assert send(engine, "DictUpdate", lock, key="lock") == locked
    assert not api_pb2.DictUpdateResponse.FromString(send(engine, "DictUpdate", lock, key="rival")).created
    popped = send(engine, "DictPop", pop, key="pop")
    assert api_pb2.DictPopResponse.FromString(popped).value == b"mine"
    engine.kill()
    engine.start()
    assert send(engine, "DictPop", pop, key="pop") == popped
    assert not api_pb2.DictPopResponse.FromString(send(engine, "DictPop", pop, key="rival")).found
    delete = api_pb2.DictDeleteRequest(dict_id=dict_id)
    send(engine, "DictDelete", delete.SerializeToString())


def test_containers_that_wait_go_on_waiting_across_killed_engines(engine, modal, python, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("wire-waiting")
        jobs = modal.Queue.from_name("wire-jobs", create_if_missing=True)
        results = modal.Queue.from_name("wire-results", create_if_missing=True)


        @app.function(max_containers=3)
        def work(name):
            print("waits for jobs", flush=True)
            while (job := jobs.get()) is not None:
                results.put(job)


        @app.function()
        def collect():
            print("collects results", flush=True)
            seen = [results.get() for _ in range(200)]
            jobs.put_many([None] * 3)
            return len(seen), sorted(seen) == list(range(200)), results.len()


        @app.function()
        def starve():
            print("gets nothing for long", flush=True)
            return jobs.get(partition="last")
        """,
    )
    write(
        "spawn.py",
        """
        import modal

        work, *others = (modal.Function.from_name("wire-waiting", it) for it in ("work", "collect", "starve"))
        print(*[work.spawn(it).object_id for it in range(3)], *[other.spawn().object_id for other in others])
        """,
    )
    write(
        "put.py",
        """
        import sys

        import modal

        jobs = modal.Queue.from_name("wire-jobs", create_if_missing=True)
        jobs.put_many(list(range(int(sys.argv[1]), int(sys.argv[2]))))
        if int(sys.argv[2]) == 200:
            jobs.put("fed", partition="last")
        """,
    )
    write(
        "fetch.py",
        """
        import sys

        import modal

        print([modal.FunctionCall.from_id(call_id).get(timeout=60) for call_id in sys.argv[1:]])
        """,
    )
    modal("deploy", "app.py")
    call_ids = python("spawn.py").out.split()

    def log():
        return "".join(file.read_text(errors="replace") for file in (engine.home / "logs").glob("ta-*.log"))

    signs = {"waits for jobs": 3, "collects results": 1, "gets nothing for long": 1}
    wait_until(lambda: all(log().count(sign) == times for sign, times in signs.items()), 60)
    for first in range(0, 200, 40):
        engine.kill()
        engine.start()
        python("put.py", first, first + 40)  # and the next kill finds workers at work
    assert python("fetch.py", *call_ids).out.strip() == "[None, None, None, (200, True, 0), 'fed']"
    modal("app", "stop", "--yes", "wire-waiting")
    for name in ("wire-jobs", "wire-results"):
        modal("queue", "delete", "--yes", name)


def test_a_container_that_waits_for_an_item_lends_its_place_to_the_one_that_brings_it(modal, write):
    write(
        "app.py",
        """
        import os

        import modal

        app = modal.App("wire-place")
        ALL = os.cpu_count()


        @app.function(cpu=ALL)
        def carry(items, brings):
            if brings:
                items.put("item")
            else:
                return items.get(timeout=30)


        @app.local_entrypoint()
        def main():
            with modal.Queue.ephemeral() as items:
                taking = carry.spawn(items, False)
                carry.remote(items, True)
                print("GOT", taking.get())
        """,
    )
    assert "GOT item" in modal("run", "app.py").lines


def test_two_getters_never_get_the_same_item(python, modal, write):
    write(
        "get.py",
        """
        import queue

        import modal

        work = modal.Queue.from_name("wire-shared", create_if_missing=True)
        print("READY", flush=True)
        while (item := work.get()) is not None:
            print("ITEM", item)
        """,
    )
    write(
        "put.py",
        """
        import modal

        work = modal.Queue.from_name("wire-shared")
        for number in range(300):
            work.put(number)
        work.put_many([None] * 3)
        """,
    )
    getters = [python.start("get.py") for _ in range(3)]
    for getter in getters:
        getter.wait_for("READY")
    python("put.py")
    items = []
    for getter in getters:
        assert getter.wait() == 0, getter.text
        mine = [int(number) for number in re.findall(r"ITEM (\d+)", getter.text)]
        assert mine == sorted(mine), "each sees the queue's order"
        items += mine
    assert sorted(items) == list(range(300))
    modal("queue", "delete", "--yes", "wire-shared")


def test_a_full_partition_in_the_client_s_terms(python, modal, write):
    write(
        "full.py",
        """
        import queue
        import threading
        import time

        import modal
        from modal.exception import InvalidError, RequestSizeError

        work = modal.Queue.from_name("wire-full", create_if_missing=True)
        work.put_many([0] * 5000)
        try:
            work.put(1, block=False)
        except queue.Full as full:
            print("FULL", full)
        begun = time.monotonic()
        try:
            work.put(1, timeout=4)
        except queue.Full:
            print("WAITED", 3 < time.monotonic() - begun < 5)
        taker = threading.Timer(0.5, work.get)
        taker.start()
        begun = time.monotonic()
        work.put("last")  # comes in as soon as there is room
        print("PUT", time.monotonic() - begun < 1.5)
        taker.join()
        for values in ([0] * 5001, [bytes(1024 * 1024 + 1)]):
            try:
                work.put_many(values, partition="other")
            except InvalidError as error:
                print("INVALID", error)
        try:
            work.put(bytes(101 * 1024 * 1024))
        except RequestSizeError as error:
            print("SIZE", error)
        print("LAST", work.get_many(5000)[-1])
        """,
    )
    said = python("full.py").out
    assert re.search(r"FULL The partition of qu-\w+ is full: it holds 5000 items", said)
    assert "WAITED True" in said
    assert "PUT True" in said
    assert re.search(r"INVALID 5001 items .* never fit", said)
    assert re.search(r"INVALID Item 0 has \d+ bytes", said)
    assert "SIZE Queue.put request is too large" in said
    assert "LAST last" in said
    modal("queue", "delete", "--yes", "wire-full")


def test_large_and_many_entries_of_a_dict(python, modal, write):
    write(
        "large.py",
        """
        import modal
        from modal.exception import InvalidError

        scores = modal.Dict.from_name("wire-large", create_if_missing=True)
        scores["large"] = bytes(90 * 1024 * 1024)
        sizes = [len(value) for value in (scores["large"], *scores.values(), scores.pop("large"))]
        print("LARGE", sizes)
        scores.update({number: "v" for number in range(10_000)})
        print("MANY", scores.len(), len(list(scores.keys())))
        try:
            scores.update({number: "v" for number in range(10_001)})
        except InvalidError as error:
            print("INVALID", error)
        """,
    )
    said = python("large.py").out
    size = 90 * 1024 * 1024
    assert f"LARGE [{size}, {size}, {size}]" in said
    assert "MANY 10000 10000" in said
    assert "INVALID A Dict takes 10000 entries an update, and this one has 10001" in said
    modal("dict", "delete", "--yes", "wire-large")


@pytest.fixture
def impatient_engine(engine):
    """The engine with twentieths of seconds where others have minutes for ephemeral objects' clients."""
    engine.restart("--heartbeat-limit", "0.15")  # twenty times that for an ephemeral object
    yield engine
    engine.restart()


def test_an_ephemeral_object_is_there_while_its_client_lives_and_goes_after_it(
    impatient_engine, python, write
):
    write(
        "hold.py",
        """
        import time

        import modal

        with (
            modal.Queue.ephemeral(_heartbeat_sleep=0.5) as queue,
            modal.Dict.ephemeral(_heartbeat_sleep=0.5) as scores,
        ):
            queue.put("item")
            scores["key"] = "value"
            print("IDS", queue.object_id, scores.object_id, flush=True)
            time.sleep(100)
        """,
    )
    write(
        "look.py",
        """
        import json
        import sys

        import modal
        from modal.exception import NotFoundError

        found = []
        for look in (modal.Queue.from_id(sys.argv[1]).len, modal.Dict.from_id(sys.argv[2]).len):
            try:
                found.append(look())
            except NotFoundError:
                found.append("gone")
        print(json.dumps(found))
        """,
    )
    holding = python.start("hold.py")
    ids = holding.wait_for(r"IDS (qu-\w+) (di-\w+)").groups()

    def seen():
        return json.loads(python("look.py", *ids).out)

    for _ in range(3):  # each look takes longer than a second: it outlives its limit by its signs of life
        assert seen() == [1, 1]
    holding.signal(signal.SIGKILL)
    holding.wait()
    wait_until(lambda: seen() == ["gone", "gone"], 30)
