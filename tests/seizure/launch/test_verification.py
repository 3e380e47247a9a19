"""`verify`: what logs of all kinds show, held to what their runs should have done."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.commands import run
from seizure.launch.log_reading import read_log, read_settings
from seizure.launch.verification import Verification, render, verify

FULL = """\
[RUN] tusz-20260301-101500 attempt 1: configs/tusz_train_a100.yaml is a full run
[CONFIG] kind = "full"  (configs/tusz_train_a100.yaml:3)
[CONFIG] data.release = "tusz-4667"  (configs/tusz_train_a100.yaml:7)
[CONFIG] cache.dir = "cache/tusz"  (configs/tusz_train_a100.yaml:9)
[CONFIG] expect.tusz-4667.train = 4  (configs/tusz_train_a100.yaml:17)
[CONFIG] expect.tusz-4667.val = 2  (configs/tusz_train_a100.yaml:17)
[CONFIG] data.layout = "auto"; data.limit_files = null; data.limit_val_files = null  (default)
BGB_LIMIT_FILES=50 ignored: configs/tusz_train_a100.yaml is a full run
[ENV] BGB_LIMIT_FILES: unset
[DATA] Found 4 train, 2 val, 0 eval files in /data
Loading 4 train, 2 val files
[DATA] Cache: /results/cache/tusz/0a1b2c
[DATA] Processing file 1/4: aaaaagxr_s018_t000.edf
[DATA] Processing file 2/4: aaaaagxr_s018_t001.edf
[DATA] Processing file 3/4: aaaaagxr_s018_t002.edf
[DATA] Processing file 4/4: aaaaagxr_s018_t003.edf
[DATA] Processed 4 train files: 4 built, 0 there already, 0 left out; 1.0 s
[DATA] Processing val file 1/2: aaaaabbb_s001_t000.edf
[DATA] Processing val file 2/2: aaaaabbb_s001_t001.edf
[DATA] Processed 2 val files: 2 built, 0 there already, 0 left out; 1.0 s
[DONE] tusz-20260301-101500: 100 steps; everything is in /results/runs/tusz-20260301-101500
VERIFICATION
  verdict: this is the run that was asked for
"""
SMOKE = (
    FULL.replace("tusz_train_a100.yaml is a full run\n[CONFIG]", "smoke_test.yaml is a smoke run\n[CONFIG]")
    .replace('kind = "full"', 'kind = "smoke"')
    .replace('data.release = "tusz-4667"', 'data.release = ""')
    .replace('"cache/tusz"', '"cache/smoke"')
    .replace("limit_files = null; data.limit_val_files = null", "limit_files = 4; data.limit_val_files = 2")
    .replace("BGB_LIMIT_FILES=50 ignored: configs/tusz_train_a100.yaml is a full run\n", "")
    .replace("[ENV] BGB_LIMIT_FILES: unset", "[ENV] BGB_LIMIT_FILES: 4")
    .replace("Found 4 train, 2 val", "Found 90 train, 20 val")
    .replace("Loading", "[DEBUG] BGB_LIMIT_FILES=4: using 4 train, 2 val files\nLoading")
    .replace("/cache/tusz/", "/cache/smoke/")
)
SEED = """\
[DEBUG] BGB_LIMIT_FILES=50: using 50 train, 10 val files
[DATA] Processing file 1/50: aaaaagxr_s018_t000.edf
"""


def check(text: str) -> Verification:
    return verify(read_log(text), is_saved=True)


def mismatches(text: str) -> list[str]:
    return [finding.what for finding in check(text).findings if finding.verdict == "mismatch"]


def test_a_full_run_and_a_smoke_run_are_verified():
    full = check(FULL)
    assert full.verdict == "verified", render(full)
    assert {finding.what: finding.seen for finding in full.findings} == {
        "train files": "4",
        "val files": "2",
        "train processed": "4",
        "val processed": "2",
        "BGB_LIMIT_FILES": "unset (50 removed)",
        "cache folder": "/results/cache/tusz/0a1b2c",
    }
    assert check(SMOKE).verdict == "verified", render(check(SMOKE))


def test_a_smoke_run_of_a_small_corpus_takes_all_of_it():
    small = SMOKE.replace("data.limit_files = 4", "data.limit_files = 50").replace("Found 90", "Found 4")
    small = small.replace("BGB_LIMIT_FILES: 4", "BGB_LIMIT_FILES: 50").replace("FILES=4:", "FILES=50:")
    assert check(small).verdict == "verified", render(check(small))


def test_the_log_of_the_story_is_a_mismatch_and_says_which_variable(tmp_path: Path, capsys):
    log = tmp_path / "seed.log"
    log.write_text(SEED)
    config = Path(__file__).parents[3] / "configs/tusz_train_a100.yaml"
    assert run(["verify", str(log), "--config", str(config)]) == 1
    said = capsys.readouterr().out
    assert "train files      3734" in said and "MISMATCH" in said
    assert "BGB_LIMIT_FILES: it reached the training process" in said
    assert "verdict: MISMATCH: this is not the run that was asked for" in said
    assert run(["verify", str(log)]) == 1
    assert "name the configuration by --config" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "to", "what"),
    [
        ("Loading 4 train, 2 val", "Loading 3 train, 2 val", ["train files"]),
        ("Loading 4 train, 2 val", "Loading 4 train, 1 val", ["val files"]),
        ("[ENV] BGB_LIMIT_FILES: unset", "[ENV] BGB_LIMIT_FILES: 50", ["BGB_LIMIT_FILES"]),
        ("/results/cache/tusz/", "/results/cache/smoke/", ["cache folder"]),
        ("/results/cache/tusz/", "/results/cache/tusz-old/", ["cache folder"]),
        ("Processing file 1/4", "Processing file 1/3", ["train processed"]),
        ("Processed 4 train files", "Processed 3 train files", ["train processed"]),
        ("Processed 2 val files", "Processed 1 val files", ["val processed"]),
    ],
)
def test_each_thing_that_is_not_as_asked_is_named(change: str, to: str, what: list[str]):
    assert change in FULL
    assert mismatches(FULL.replace(change, to)) == what


def test_a_full_run_with_the_variable_in_it_is_two_mismatches_or_more():
    assert set(mismatches(FULL.replace("[ENV]", SEED + "[ENV]"))) == {"BGB_LIMIT_FILES", "train processed"}


def test_a_log_without_the_block_is_unfinished():
    cut = FULL[: FULL.index("VERIFICATION")]
    found = check(cut)
    assert found.verdict == "unfinished"
    assert "before the run's own VERIFICATION" in found.ending
    assert verify(read_log(cut)).verdict == "verified", "the run itself has not printed it yet"


@given(st.integers(0, FULL.index("VERIFICATION")))
def test_a_log_that_ends_anywhere_is_unfinished_and_never_a_mismatch(length: int):
    found = check(FULL[:length])
    assert found.verdict == "unfinished", render(found)
    assert any("the log ends before the run" in line for line in render(found))


def test_a_failed_run_says_why_it_ended():
    failed = FULL[: FULL.index("[DATA] Processing file 3")] + "[FAILED] killed by SIGKILL\nVERIFICATION\n"
    found = check(failed)
    assert (found.verdict, found.ending) == ("unfinished", "killed by SIGKILL")
    assert [f.seen for f in found.findings if f.what == "train processed"] == ["2/4"]


@pytest.mark.parametrize(
    "dress",
    [
        lambda line: f"\x1b[32m{line}\x1b[0m",
        lambda line: f"2026-03-01T10:15:00.123Z {line}",
        lambda line: f"2026-03-01 10:15:00+00:00 [ta-01ABC] {line}",
        lambda line: f"{line}\r",
        lambda line: f"\x1b[2K\rtrain files ━━━━ 1/4\r{line}",
        lambda line: f"  {line}  ",
        lambda line: line.replace(".edf", "").replace("4: ", "4:\n"),
    ],
    ids=["colours", "times", "times and container", "crlf", "progress bar", "spaces", "wrapped"],
)
def test_logs_in_many_dresses(dress):
    for log in (FULL, SMOKE):
        assert check("".join(dress(line) + "\n" for line in log.splitlines())).verdict == "verified"


def test_the_last_attempt_counts():
    broken = FULL[: FULL.index("[DATA] Processing file 3")].replace("1/4", "1/50")
    assert mismatches(broken) == ["train processed"]
    assert check(broken + FULL.replace("attempt 1", "attempt 2")).verdict == "verified"
    assert check(FULL + broken).verdict == "mismatch"


def test_json_and_standard_input(tmp_path: Path, capsys):
    log = tmp_path / "run.log"
    log.write_text(FULL)
    assert run(["verify", str(log), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == "verified"
    assert said["findings"][0] == {
        "what": "train files", "expected": "4", "seen": "4", "verdict": "verified", "advice": "",
    }  # fmt: skip


def test_a_log_that_is_not_there(tmp_path: Path, capsys):
    assert run(["verify", str(tmp_path / "none.log")]) == 1
    assert "none.log: No such file or directory" in capsys.readouterr().err


@given(st.text() | st.text().map(lambda text: FULL[:700] + text + chr(10)))
def test_any_text_is_read_and_nothing_is_verified_by_it(text: str):
    assert check(text).verdict != "verified"


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]+\.[a-z_0-9-]+", fullmatch=True), st.text() | st.integers() | st.none()
    )
)
def test_settings_are_read_as_they_were_printed(settings):
    line = "; ".join(f"{key} = {json.dumps(value)}" for key, value in settings.items()) + "  (default)"
    assert dict(read_settings(line)) == settings


@pytest.mark.parametrize("text", ["", "hello\n", "# Homeport\n\n    make run\n"])
def test_what_is_no_log_is_not_said_to_agree(text):
    words = "\n".join(render(verify(read_log(text), is_saved=True)))
    assert "no line shows what the run did" in words
    assert "agrees" not in words
