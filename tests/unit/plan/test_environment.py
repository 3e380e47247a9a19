"""The environment of a container, and where each variable comes from."""

from homeport.plan.environment import Variable, compose, record, values


def test_later_origins_win_in_the_documented_order() -> None:
    variables = compose(
        {"A": "image", "B": "image", "HOME": "/image"},
        {"A": "ENV A=image"},
        [("Secret one", {"B": "one", "C": "one"}), ("Secret two", {"C": "two", "MODAL_TASK_ID": "mine"})],
        {"MODAL_TASK_ID": "ta-1"},
    )
    assert values(variables) == {
        "A": "image",
        "B": "one",
        "C": "two",
        "HOME": "/image",
        "LANG": "C.UTF-8",
        "MODAL_TASK_ID": "ta-1",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": "/root:/pkg",
        "PYTHONUNBUFFERED": "1",
    }
    assert variables["A"].origin == "image: ENV A=image"
    assert variables["C"].origin == "Secret two"
    assert variables["C"].shadowed == ("Secret one",)
    assert variables["MODAL_TASK_ID"].origin == "platform"
    assert variables["MODAL_TASK_ID"].shadowed == ("Secret two",)


def test_the_same_value_once_more_replaces_nothing_unless_it_is_a_secrets() -> None:
    variables = compose({"LANG": "C.UTF-8", "MODE": "full"}, {}, [("Secret one", {"MODE": "full"})], {})
    assert variables["LANG"].origin == "image"
    assert variables["LANG"].shadowed == ()
    assert variables["MODE"].shadowed == ("image",)  # else the record would tell the Secret's value


def test_a_python_path_of_the_user_goes_before_the_platforms() -> None:
    variables = compose({"PYTHONPATH": "/app/src"}, {}, [], {})
    assert variables["PYTHONPATH"].value == "/app/src:/root:/pkg"
    assert variables["PYTHONPATH"].origin == "image + platform"


def test_nothing_of_the_engines_own_environment(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("BGB_LIMIT_FILES", "50")
    assert "BGB_LIMIT_FILES" not in compose({}, {}, [], {})


def test_the_record_holds_no_secret_in_clear_but_lets_two_be_compared() -> None:
    def written(value: str, salt: bytes = b"salt") -> dict[str, object]:
        rows = record(compose({"SHOWN": "x"}, {}, [("Secret s", {"KEY": value})], {}), salt)
        assert value not in str(rows)
        assert {"name": "SHOWN", "origin": "image", "shadowed": [], "value": "x"} in rows
        return next(row for row in rows if row["name"] == "KEY")

    assert written("hunter2") == written("hunter2")
    assert written("hunter2")["digest"] != written("hunter3")["digest"]
    assert written("hunter2")["digest"] != written("hunter2", b"other")["digest"]


def test_what_is_named_like_a_secret_is_written_down_as_one():
    variable = Variable("WANDB_API_KEY", "hunter2", "image: ENV", False)
    (written,) = record({"WANDB_API_KEY": variable}, b"salt", lambda name: name.endswith("KEY"))
    assert "hunter2" not in str(written) and written["digest"]
