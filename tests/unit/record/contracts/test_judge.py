"""The judge: what breaks a contract, said in one sentence; what keeps it; what never showed."""

import time
from collections.abc import Iterable
from typing import Any

import pytest

from homeport.plan.environment import Variable
from homeport.record.contracts.judge import Judge
from homeport.record.contracts.reading import read
from homeport.record.run import Note, Place, Sample, State, Violation

LINE = r"observe = 'Loading (?P<train>\d+) train, (?P<val>\d+) val files'"
ROAD = "BGB_LIMIT_FILES came from Secret.from_dict in app.py:22, which took it from the shell (~/.bashrc:14)"


def road(name: str, task_id: str = "", pid: int = 0, at: float = 0.0) -> str:
    return ROAD if name == "BGB_LIMIT_FILES" else ""


class Told(Judge):
    """A judge whose violations have their origins at once."""

    def container(self, *facts: Any, **more: Any) -> list[Violation]:
        return self.explained(super().container(*facts, **more), road)

    def noted(self, *facts: Any) -> list[Violation]:
        return self.explained(super().noted(*facts), road)

    def printed(self, *facts: Any) -> list[Violation]:
        return self.explained(super().printed(*facts), road)


def judge(terms: str, earlier: dict[tuple[str, str], list[tuple[str, str]]] | None = None) -> Judge:
    (found, *_) = read(f"[contract.full]\n{terms}\n" + OTHER).contracts
    return Told(
        found,
        started_at=1000.0,
        digest=lambda value: f"#{value}",
        earlier=lambda contract, name: (earlier or {}).get((contract, name), []),
    )


OTHER = "[contract.smoke]\nwhen = { function = 'smoke' }\n"
TRAIN = "when = { function = 'train' }\n"


def variables(**values: str) -> dict[str, Variable]:
    return {
        name: Variable(
            name, value, "platform" if name == "HOME" else "Secret.from_dict (st-1)", name != "HOME"
        )
        for name, value in values.items()
    }


def printed(judged: Judge, *lines: str) -> list[str]:
    return sentences(judged.printed("ta-1", [(1001.0, line) for line in lines]))


def sentences(found: Iterable[object]) -> list[str]:
    return [each.sentence for each in found]


# ---- counts


def test_a_count_that_is_wrong_names_the_forbidden_variable_and_its_road() -> None:
    judged = judge(TRAIN + LINE + "\nforbid_env = 'BGB_*'\nexpect = { train = 3734, val = 933 }")
    judged.container("ta-1", "train", variables(BGB_LIMIT_FILES="50", HOME="/root"), 1000.5)
    found = printed(judged, "Loading 50 train, 10 val files")
    assert found[0] == f"expected 3734 train files, saw 50; {ROAD}."
    assert judged.verdict == "broken"


def test_a_variable_with_the_seen_value_is_named_though_nobody_forbade_it() -> None:
    judged = judge(TRAIN + LINE + "\nexpect = { train = 3734 }")
    judged.container("ta-1", "train", variables(BGB_LIMIT_FILES="50", HOME="/root"), 1000.5)
    (found,) = printed(judged, "Loading 50 train, 10 val files")
    assert found.startswith("expected 3734 train files, saw 50; ") and ROAD in found


@pytest.mark.parametrize(
    ("expect", "line", "said"),
    [
        ("train = 3734", "Loading 3734 train, 933 val files", None),
        (
            "train = { min = 3000 }",
            "Loading 50 train, 1 val files",
            "expected at least 3000 train files, saw 50.",
        ),
        ("train = { min = 10, max = 50 }", "Loading 50 train, 1 val files", None),
        (
            "train = { one_of = [1, 2] }",
            "Loading 3 train, 1 val files",
            "expected 1 or 2 train files, saw 3.",
        ),
        ('cache = "/a b"', '::homeport cache="/a b" x=1', None),
        ('cache = "/a"', "12:00 ::homeport cache=/b", "expected cache = /a, saw /b."),
        ("done = true", "::homeport done=True", None),
        ("loss = { max = 0.5 }", "::homeport loss=nan", "expected loss = at most 0.5, saw nan."),
        ("train = 3734", "\x1b[32mLoading 3734 train\x1b[0m, 933 val files", None),
        ("train = 3734", "  0%\r 50%\rLoading 9 train, 9 val files", "expected 3734 train files, saw 9."),
    ],
)
def test_lines_against_expectations(expect: str, line: str, said: str | None) -> None:
    judged = judge(TRAIN + LINE + f"\nexpect = {{ {expect} }}")
    assert printed(judged, line) == ([said] if said else [])


def test_a_rule_is_broken_once_and_stays_broken() -> None:
    judged = judge(TRAIN + LINE + "\nexpect = { train = 3734 }\non_violation = 'warn'")
    lines = ["Loading 50 train, 1 val files"] * 3 + ["Loading 3734 train, 1 val files"]
    assert len(printed(judged, *lines)) == 1
    assert judged.ended("succeeded", 2000.0) == [] and judged.verdict == "broken"
    assert judged.record().seen["train"] == "50"


def test_an_expectation_that_was_never_seen_is_a_violation_at_the_end() -> None:
    judged = judge(TRAIN + LINE + "\nexpect = { train = 3734, cache = '/x' }")
    assert printed(judged, "Loading 3734 train, 1 val files") == []
    assert judged.verdict == ""
    assert sentences(judged.ended("succeeded", 2000.0)) == [
        "expected cache = /x, and no line ever showed it."
    ]
    assert judged.verdict == "unseen" and "cache" not in judged.record().seen


def test_what_was_seen_of_a_run_that_keeps_its_contract_is_in_its_record() -> None:
    judged = judge(TRAIN + LINE + "\nexpect = { train = 3734 }\nforbid_env = 'A'\nnot_writes = '/x'")
    judged.container("ta-1", "train", variables(HOME="/root"), 1000.5)
    judged.noted([Note(1000.6, 2, "process", argv=("python",))])
    printed(judged, "Loading 3734 train, 1 val files")
    judged.ended("succeeded", 2000.0)
    record = judged.record()
    assert record.verdict == "kept" and record.expected == {
        "variable A": "not set",
        "train": "3734",
        "not_writes /x": "not written",
    }
    assert record.seen == {"variable A": "not set", "train": "3734", "not_writes /x": "not written"}


def test_a_run_that_was_stopped_before_it_did_anything_kept_nothing() -> None:
    """What must not be, or must be apart from another run's, was never looked at."""
    rules = "forbid_env = 'A'\nnot_writes = '/x'\napart_from = { smoke = ['train'] }\n"
    judged = judge(TRAIN + rules + LINE)
    judged.container("ta-1", "train", variables(A="1"), 1000.5)
    judged.ended("stopped", 1001.0)
    assert judged.verdict == "broken"
    assert judged.record().seen == {"variable A": "set"}


def test_two_contracts_runs_must_not_show_the_same() -> None:
    judged = judge(
        TRAIN + "apart_from = { smoke = ['cache'] }", {("smoke", "cache"): [("/results/cache/a", "ap-1")]}
    )
    assert printed(judged, "::homeport cache=/results/cache/b") == []
    assert printed(judged, "::homeport cache=/results/cache/a/") == [
        "cache is /results/cache/a/, as it was in run ap-1 of contract smoke, from which it has to differ."
    ]


# ---- variables


def test_a_forbidden_variable_of_a_container_is_found_before_it_starts() -> None:
    judged = judge(TRAIN + "forbid_env = ['BGB_LIMIT_FILES']")
    (found,) = judged.container("ta-1", "train", variables(BGB_LIMIT_FILES="50"), 1000.5)
    assert found.sentence == (
        "BGB_LIMIT_FILES is forbidden here; it came from Secret.from_dict in app.py:22, which took it from "
        "the shell (~/.bashrc:14)."
    )
    assert "50" not in found.seen


def test_another_functions_container_need_not_have_what_is_required() -> None:
    judged = judge(TRAIN + "require_env = ['WANDB_*']\nenv = { MODE = 'full' }")
    assert judged.container("ta-1", "prepare", variables(HOME="/root"), 1000.5) == []
    assert sentences(judged.container("ta-2", "train", variables(HOME="/root"), 1000.5)) == [
        "WANDB_* is required here, and nothing sets it.",
        "expected MODE=full, saw that it is not set.",
    ]


def test_a_secrets_value_is_not_shown() -> None:
    judged = judge(TRAIN + "env = { MODE = 'full' }")
    (found,) = judged.container("ta-1", "train", variables(MODE="hunter2"), 1000.5)
    assert found.sentence == "expected MODE=full, saw another value." and "hunter2" not in repr(
        judged.record()
    )


def note(
    kind: str, name: str = "", value: str = "", at: float = 1001.0, pid: int = 1, **more: object
) -> Note:
    digest = f"#{value}" if value else ""
    stack = (Place("/root/app.py", 52, "train"),)
    return Note(at, pid, kind, name=name, digest=digest, stack=stack, task_id="ta-1", **more)  # type: ignore[arg-type]


def test_what_code_sets_and_what_children_are_given_counts() -> None:
    judged = judge(TRAIN + "forbid_env = ['LIMIT', 'OTHER']\nenv = { MODE = 'full' }")
    child = note("child", argv=("python", "-u", "train.py"), changes={"LIMIT": "#5", "MODE": "#full"})
    assert sentences(judged.noted([note("set", "OTHER", "1"), child, note("set", "MODE", "x")])) == [
        "OTHER is forbidden here; code set it.",
        "LIMIT is forbidden here; train.py was given it at /root/app.py:52.",
        "expected MODE=full, saw another value.",
    ]


def test_a_variable_that_a_child_is_started_without_is_no_violation() -> None:
    judged = judge(TRAIN + "forbid_env = ['LIMIT']")
    assert judged.noted([note("child", changes={"LIMIT": ""}), note("unset", "LIMIT")]) == []


def test_a_warm_container_is_judged_by_what_earlier_calls_left_in_it() -> None:
    judged = judge(TRAIN + "forbid_env = ['LIMIT', 'GONE']\nrequire_env = 'NEEDED'")
    before = [
        note("set", "LIMIT", "5"),
        note("unset", "GONE"),
        note("set", "NEEDED", "1"),
        note("unset", "NEEDED"),
    ]
    given = variables(GONE="1", NEEDED="1")
    assert sentences(judged.container("ta-1", "train", given, 1002.0, before)) == [
        "LIMIT is forbidden here; the container has it.",
        "NEEDED is required here, and nothing sets it.",
    ]


# ---- files, time, memory


def test_files_that_must_be_read_and_must_not_be_written() -> None:
    judged = judge(
        TRAIN + "reads = '/data/tusz/*'\nwrites = '/results/cache/full'\nnot_writes = '/results/cache/smoke'"
    )
    assert judged.noted([note("folder", path="/data/tusz", read=3, how="")]) == []
    (found,) = judged.noted([note("folder", path="/results/cache/smoke/a", written=1)])
    assert found.sentence == (
        "a file in /results/cache/smoke/a was written by /root/app.py:52, which `not_writes` forbids by "
        "/results/cache/smoke."
    )


def test_files_that_were_never_read_are_told_at_the_end() -> None:
    judged = judge(TRAIN + "reads = ['/data/tusz/*', '/app/full.yaml']")
    assert judged.noted([note("open", path="/app/full.yaml", how="r")]) == []
    assert sentences(judged.ended("succeeded", 1100.0)) == [
        "expected /data/tusz/* to be read, and no process was seen to do it."
    ]


def test_time_and_memory() -> None:
    judged = judge(TRAIN + "max_minutes = 10\nmax_memory_gib = 2")
    assert judged.deadline == 1600.0 and judged.passed(1599.0) == []
    assert sentences(judged.passed(1600.5)) == [
        "expected an end within 10 minutes, and it still ran after 10."
    ]
    assert judged.sampled("ta-1", Sample(1.0, memory_bytes=2 * 1024**3)) == []
    assert sentences(judged.sampled("ta-1", Sample(1.0, memory_bytes=3 * 1024**3))) == [
        "expected at most 2 GiB of memory, saw 3.00 GiB in ta-1."
    ]


@pytest.mark.parametrize(("state", "broken"), [("succeeded", True), ("failed", False)])
def test_a_run_that_is_done_too_soon(state: State, broken: bool) -> None:
    judged = judge(TRAIN + "min_minutes = 5")
    judged.ended(state, 1060.0)
    assert (judged.verdict == "broken") is broken


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<n>(a+)+)b",
        r"(?P<n>(a|a)*)b",
        r"(?P<n>(.*)(.*)(.*)(.*)(.*)[^a])$",
        r"(?P<n>a*b|a)",
        r"(?P<n>)",
        r"(?P<n>(a?){300})b|a",
    ],
)
@pytest.mark.parametrize("line", ["a" * 100_000, "ab" * 50_000, "\u00e9a" * 50_000])
def test_no_pattern_takes_long_over_a_line(pattern: str, line: str) -> None:
    judged = judge(TRAIN + f"observe = '{pattern}'")
    began = time.process_time()
    for _ in range(10):
        printed(judged, line)
    assert time.process_time() - began < 1  # `re` takes years for some, and a minute for the others


def test_a_line_shows_no_more_than_sixteen_places_of_a_pattern() -> None:
    judged = judge(TRAIN + r"observe = '(?P<n>\d+)'")
    printed(judged, " ".join(map(str, range(100))))
    assert [count.value for count in judged.counts] == [str(number) for number in range(16)]
