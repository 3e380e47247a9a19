"""os.environ under notes against os.environ as Python has it: whatever is done to both, they answer alike."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.notes.noted import Noted

PLAYER = """
import copy, json, os, subprocess, sys

def play(op, name, value):
    environ = os.environ
    if op == "get": return environ.get(name, value)
    if op == "item": return environ[name]
    if op == "bytes": return repr(os.environb.get(os.fsencode(name)))
    if op == "in": return name in environ
    if op == "set": environ[name] = value
    if op == "delete": del environ[name]
    if op == "pop": return environ.pop(name, value)
    if op == "popitem": return sorted([environ.popitem()[0] in NAMES])
    if op == "setdefault": return environ.setdefault(name, value)
    if op == "update": environ.update({name: value, "B": "b"})
    if op == "or": environ |= {name: value}
    if op == "merged": return sorted((environ | {name: value}).items())
    if op == "clear": environ.clear()
    if op == "items": return sorted(environ.items())
    if op == "keys": return sorted(environ), sorted(environ.values()), len(environ)
    if op == "copy": return sorted(environ.copy().items()), environ == environ.copy()
    if op == "equal": return environ == {name: value}
    if op == "deepcopy":
        other = copy.deepcopy(environ._data)
        other[b"Z"] = b"z"
        return type(other).__name__, "Z" in environ
    if op == "repr": return sorted(repr(environ)) == sorted(repr(environ)), type(environ).__name__
    if op == "putenv": os.putenv(name, value)
    if op == "child":
        done = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, errors="replace")
        return sorted(line for line in done.stdout.splitlines() if line[:2] in ("A=", "B=", "C="))
    if op == "fork":
        pid = os.fork()
        if pid == 0: os._exit(environ.get(name) == value)
        return os.waitpid(pid, 0)[1]
    if op == "number": environ[name] = 5

NAMES = ("A", "B", "C", "")
for line in sys.stdin:
    os.environ.clear()
    answers = []
    for op in json.loads(line):
        try:
            answers.append(play(*op))
        except Exception as error:
            answers.append([type(error).__name__, str(error), type(error.__cause__).__name__])
    print(json.dumps(answers), flush=True)
"""
# fmt: off
OPS = (
    "get", "item", "bytes", "in", "set", "delete", "pop", "popitem", "setdefault", "update", "or", "merged",
    "clear", "items", "keys", "copy", "equal", "deepcopy", "repr", "putenv", "child", "fork", "number",
)
# fmt: on
names = st.sampled_from(["A", "B", "C", "", "A=B"])
values = st.one_of(st.sampled_from(["", "1", "50", "\0"]), st.text(max_size=5))
steps = st.lists(st.tuples(st.sampled_from(OPS), names, values), max_size=12)


class Player:
    """An interpreter that plays scripts."""

    def __init__(self, program: Path, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def play(self, script: list[Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(script) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Player, Player, Noted]]:
    folder = tmp_path_factory.mktemp("players")
    noted = Noted(folder)
    program = folder / "player.py"
    program.write_text(PLAYER)
    path = {"PATH": os.environ["PATH"]}
    players = Player(program, path), Player(program, {**path, "PYTHONPATH": f"{folder}/site"})
    yield *players, noted
    for player in players:
        player.end()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(script=steps)
def test_whatever_is_done_to_it_it_answers_as_ever(
    players: tuple[Player, Player, Noted], script: list[tuple[str, str, str]]
) -> None:
    without, with_notes, noted = players
    assert with_notes.play(script) == without.play(script)
    assert noted.notes("process"), "nothing was noted at all"
