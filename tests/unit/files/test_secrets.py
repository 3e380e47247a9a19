"""Secrets: values go to containers and nowhere else."""

from pathlib import Path

import pytest

from homeport.control.secrets import Secrets
from homeport.model.errors import AlreadyExistsError, InvalidError, NotFoundError, ResourceExhaustedError
from homeport.store.database import Database


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(Database(tmp_path / "state.db"))


def test_a_named_secret_is_found_in_its_environment(secrets: Secrets) -> None:
    made = secrets.create("main", "wandb", {"KEY": "value"})
    assert secrets.lookup("main", "wandb", ["KEY"]) == made
    assert secrets.values(made.secret_id) == {"KEY": "value"}
    with pytest.raises(NotFoundError, match="dev"):
        secrets.lookup("dev", "wandb")


def test_a_missing_secret_names_itself_and_the_command(secrets: Secrets) -> None:
    with pytest.raises(NotFoundError, match=r"'wandb'.*modal secret create wandb KEY=VALUE"):
        secrets.lookup("main", "wandb")


def test_missing_keys_are_named(secrets: Secrets) -> None:
    secrets.create("main", "s", {"A": "hidden value"})
    with pytest.raises(NotFoundError, match="keys B, C") as caught:
        secrets.lookup("main", "s", ["A", "B", "C"])
    assert "hidden value" not in str(caught.value)


def test_creating_twice(secrets: Secrets) -> None:
    first = secrets.create("main", "s", {"A": "1"})
    with pytest.raises(AlreadyExistsError, match="--force s"):
        secrets.create("main", "s", {"A": "2"}, fail_if_exists=True)
    assert secrets.create("main", "s", {"A": "2"}) == first
    assert secrets.values(first.secret_id) == {"A": "1"}
    assert secrets.create("main", "s", {"B": "3"}, overwrite=True).secret_id == first.secret_id
    assert secrets.values(first.secret_id) == {"B": "3"}


def test_limits(secrets: Secrets) -> None:
    secrets.create("main", "s", {"k" * 16_384: "v" * 32_768})
    with pytest.raises(ResourceExhaustedError, match="32769"):
        secrets.create("main", "t", {"BIG": "v" * 32_769})
    with pytest.raises(ResourceExhaustedError, match="16385"):
        secrets.create("main", "t", {"k" * 16_385: ""})
    for key in ("", "A=B", "A\0"):
        with pytest.raises(InvalidError):
            secrets.create("main", "t", {key: "v"})
    with pytest.raises(InvalidError) as caught:
        secrets.create_anonymous("main", {"A": "hidden\0"})
    assert "hidden" not in str(caught.value)


def test_update_and_delete(secrets: Secrets) -> None:
    made = secrets.create("main", "s", {"A": "1", "B": "2"})
    secrets.update(made.secret_id, {"A": None, "C": "3"})
    assert secrets.values(made.secret_id) == {"B": "2", "C": "3"}
    secrets.delete(made.secret_id)
    with pytest.raises(NotFoundError, match=made.secret_id):
        secrets.values(made.secret_id)


def test_an_apps_own_secret_is_not_listed(secrets: Secrets) -> None:
    own = secrets.create_anonymous("main", {"A": "1"}, "ap-1")
    named = secrets.create("main", "s", {})
    assert [secret.name for secret in secrets.page("main", 1e12, 100)] == ["s"]
    assert secrets.page("main", named.created_at, 100) == []
    assert secrets.values(own.secret_id) == {"A": "1"}


def test_a_representation_holds_no_value(secrets: Secrets) -> None:
    made = secrets.create("main", "s", {"A": "hidden value"})
    assert "hidden value" not in repr(made) + str(vars(secrets))
