"""What a fetch shows: a bar with rate and time left on a terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from training_kit.fetch import progress
from training_kit.fetch.progress import Shown


def shown(is_terminal: bool) -> str:
    out = io.StringIO()
    with Shown(Console(file=out, force_terminal=is_terminal, width=110)) as seen:
        seen.begin("looking at what is here", 3)
        seen.advance(3)
        seen.begin("fetching", 4_000_000)
        seen.advance(1_000_000)
        seen.say("a.edf: the connection was cut; trying again in 1 s")
        seen.advance(-500_000)
        seen.advance(1_500_000)
        seen.done("a[b].edf", 2_000_000)
    return out.getvalue()


def test_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    lines = shown(is_terminal=False).splitlines()
    assert lines[0].startswith("1 of 4 MB, ") and lines[0].endswith(" min left")
    assert lines[1] == "a.edf: the connection was cut; trying again in 1 s"
    assert lines[3].startswith("2 of 4 MB, ") and " MB/s, " in lines[3]
    assert lines[4] == "a[b].edf: 2,000,000 bytes"
    assert len(lines) == 5 and "\x1b" not in "".join(lines)


def test_a_bar_on_a_terminal() -> None:
    text = shown(is_terminal=True)
    assert "fetching" in text and "2.0/4.0 MB" in text
    assert "a.edf: the connection was cut; trying again in 1 s" in text
