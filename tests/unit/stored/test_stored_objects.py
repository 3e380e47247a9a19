"""Dicts and Queues as objects: names, environments, and the lives of those without a name."""

import asyncio

import pytest

from homeport.control.stored_objects import EPHEMERAL_S
from homeport.model.errors import AlreadyExistsError, FailedPreconditionError, InvalidError, NotFoundError


def test_a_dict_and_a_queue_of_one_name_are_two(here) -> None:
    made = here.dict_objects.create("", "shared")
    other = here.queue_names.create("", "shared")
    assert made.object_id.startswith("di-") and other.object_id.startswith("qu-")
    assert here.dict_objects.lookup("main", "shared") == made
    with pytest.raises(NotFoundError, match=made.object_id):
        here.queue_names.get(made.object_id)


def test_creating_twice_finds_it_or_is_refused(here) -> None:
    made = here.dict_objects.create("main", "d")
    assert here.dict_objects.create("main", "d") == made
    with pytest.raises(AlreadyExistsError, match="modal dict delete d"):
        here.dict_objects.create("main", "d", fail_if_exists=True)
    for name in ("", "a/b", "x" * 65):
        with pytest.raises(InvalidError):
            here.dict_objects.create("main", name)


def test_environments_keep_them_apart_and_cannot_go_before_them(here) -> None:
    with pytest.raises(NotFoundError, match="'dev' does not exist"):
        here.queue_names.create("dev", "q")
    here.environments.create("dev")
    made = here.queue_names.create("dev", "q")
    with pytest.raises(NotFoundError, match="modal queue create q"):
        here.queue_names.lookup("main", "q")
    with pytest.raises(FailedPreconditionError, match="Queue q"):
        here.environments.remove("dev")
    here.queue_names.delete(made.object_id)
    here.environments.remove("dev")


def test_pages_go_from_new_to_old(here) -> None:
    for name in ("a", "b", "c"):
        here.now += 1
        here.dict_objects.create("main", name)
    here.dict_objects.create_ephemeral("main")
    first = here.dict_objects.page("main", 0, 2)
    assert [found.name for found in first] == ["c", "b"]
    assert [found.name for found in here.dict_objects.page("main", first[-1].created_at, 2)] == ["a"]


def test_an_ephemeral_one_goes_with_its_client_and_all_it_held(here) -> None:
    made = here.dict_objects.create_ephemeral("main")
    named = here.dict_objects.create("main", "stays")
    here.dicts.update(made.object_id, [(b"key", b"value")])
    here.now += EPHEMERAL_S - 1
    here.dict_objects.heartbeat(made.object_id)
    here.now += EPHEMERAL_S - 1
    assert here.expiry.look() == here.now + 1, "the moment at which its client would be silent for too long"
    assert here.dicts.get(made.object_id, b"key") == b"value"
    here.now += 1
    here.expiry.look()
    with pytest.raises(NotFoundError, match=made.object_id):
        here.dicts.get(made.object_id, b"key")
    assert here.db.one("least_used_dict_entry")["used_at"] is None
    here.dict_objects.get(named.object_id)


def test_the_time_without_an_engine_is_no_silence(here) -> None:
    made = here.queue_names.create_ephemeral("main")
    here.now += 10 * EPHEMERAL_S
    here.restart()
    here.expiry.look()
    here.queue_names.get(made.object_id)


def test_one_timer_rests_until_something_is_due(here, monkeypatch) -> None:
    async def run() -> None:
        here.expiry.open()
        assert here.expiry._timer is None, "nothing is there to expire"
        made = here.dict_objects.create_ephemeral("main")
        timer = here.expiry._timer
        assert timer is not None
        here.dicts.update(made.object_id, [(b"k", b"v")])
        assert here.expiry._timer is timer, "what expires later than that needs no other timer"
        here.expiry.close()

    asyncio.run(run())
