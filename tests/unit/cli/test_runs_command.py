"""`homeport runs` and `homeport show`, on a home without an engine."""

import json
from dataclasses import replace

import pytest

from homeport.cli.root import run
from homeport.cli.runs import moment, short, when
from homeport.model.errors import InvalidError
from homeport.record.codec import encode
from homeport.record.endings import app_stopped
from homeport.record.run import (
    Argument,
    Attempt,
    Call,
    ConfigFile,
    Contract,
    Function,
    Git,
    Image,
    Launcher,
    Limits,
    Machine,
    Note,
    Place,
    Run,
    Source,
    SourceFile,
    Variable,
    Violation,
    Volume,
)

SKLEARN = Place("/usr/local/lib/python3.11/site-packages/sklearn/__init__.py", 60, "<module>")
FULL = Run(
    "ap-full",
    app_id="ap-full",
    name="eeg",
    function="train",
    environment="main",
    state="stopped",
    outcome="expected 3734 train files, saw 50.",
    started_at=1_700_000_000.0,
    ended_at=1_700_000_075.0,
    launcher=Launcher(("modal", "run", "app.py::train"), "/work", 7, "ann", "modal 1.6.4, Python 3.11.2"),
    source=Source(
        "/work/app.py", (SourceFile("/root/app.py", "a" * 64),), Git("/work", "c" * 40, "main", True)
    ),
    images=(
        Image("im-1", "Debian 12", "Python 3.11.2 (main)", ("RUN pip install torch",), {"torch": "2.9"}),
    ),
    functions=(
        Function(
            "train",
            "im-1",
            (
                Variable("BGB_LIMIT_FILES", 'Secret "brain-secrets"', digest="d" * 32),
                Variable("MODE", "image: ENV MODE=full", "full"),
                Variable("LANG", "image: FROM debian", "C"),
                Variable("HOME", "platform", "/root"),
            ),
            limits=Limits({"cpu": "24 cores"}, {"cpu": "all 2 cores"}),
        ),
    ),
    volumes=(Volume("results", "vo-1", "/results", "state 3", "state 5"),),
    calls=(Call("fc-1", "train", (Argument("config_path", '"full.yaml"', "default"),), 1, 0, 1, 1.0, 2.0),),
    configs=(ConfigFile("/root/full.yaml", "b" * 64, "x: 1", Place("/root/app.py", 3), "ta-1", "mount"),),
    notes=(
        Note(2.0, 7, "child", changes={"MODE": "d"}, stack=(Place("/root/app.py", 7),)),
        Note(2.0, 7, "set", "KMP_X", digest="d", stack=(Place("/root/app.py", 1),), library=(SKLEARN,)),
    ),
    attempts=(
        Attempt("ta-1", "train", 1_700_000_000.0, 1_700_000_001.0, ended_at=1_700_000_009.0, exit_code=137),
    ),
    contract=Contract(
        "full",
        verdict="broken",
        expected={"train": "3734", "cache apart from smoke": "none of contract smoke's"},
        seen={"train": "50"},
        violations=(Violation("train", "3734", "50", "expected 3734 train files, saw 50."),),
    ),
    machine=Machine(2, 4 << 30, (), "Linux 6.1, x86_64", "namespaces", "0.1.0"),
    not_honoured=("cloud= has no meaning on one machine.",),
    missing=("Its source was not recorded: disk full.",),
)
SMALL = Run(
    "fc-small", app_id="ap-x", kind="call", name="web", function="f", state="succeeded", started_at=1.6e9
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMEPORT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "110")  # pytest -n sets another width
    (tmp_path / "runs").mkdir()
    for record in (FULL, SMALL):
        (tmp_path / "runs" / f"{record.run_id}.json").write_bytes(encode(record))
    return tmp_path


def test_runs_are_listed_the_newest_first(home, capsys):
    assert run(["runs"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "started", "app::function", "state", "took", "contract"]
    assert [line.split("  ")[0] for line in lines] == ["ap-full", "fc-small"]
    assert lines[0].endswith("1 min 15 s  full: broken")
    assert lines[1].endswith("succeeded"), "it does not tell how long it took"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--state", "stopped"], ["ap-full"]),
        (["--app", "web"], ["fc-small"]),
        (["--kind", "call"], ["fc-small"]),
        (["--verdict", "broken"], ["ap-full"]),
        (["--verdict", "kept"], []),
        (["--text", "3734"], ["ap-full"]),
        (["--since", "2023-01-01"], ["ap-full"]),
        (["--limit", "1"], ["ap-full"]),
    ],
)
def test_rows_are_chosen(home, capsys, options, found):
    run(["runs", "--format", "json", *options])
    assert [row["run_id"] for row in json.loads(capsys.readouterr().out)] == found


def test_a_run_is_one_line_of_a_narrow_terminal(home, capsys, monkeypatch):
    long = replace(FULL, run_id="ap-long", name="a-name-that-goes-on-and-on-and-on-and-on")
    (home / "runs" / "ap-long.json").write_bytes(encode(long))
    monkeypatch.delenv("COLUMNS", raising=False)
    run(["runs"])
    assert f"{long.name}::train" in capsys.readouterr().out, "for programs it is whole"
    monkeypatch.setenv("COLUMNS", "80")
    run(["runs"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 80
    assert any("a-name-that-go" in line and "…  stopped" in line for line in lines)


def test_where_there_is_nothing_it_says_so(home, capsys, monkeypatch):
    run(["runs", "--app", "gone"])
    assert capsys.readouterr().out == "No run fits.\n"
    monkeypatch.setenv("HOMEPORT_HOME", str(home / "other"))
    run(["runs"])
    assert capsys.readouterr().out == "There is no run yet. Start one with: homeport run FILE\n"


def test_without_an_engine_nobody_knows_whether_a_run_goes_on(home, capsys):
    run(["runs"])
    assert capsys.readouterr().err == ""
    going_on = Run("ap-on", app_id="ap-on", name="eeg", started_at=1.8e9)
    (home / "runs" / "ap-on.json").write_bytes(encode(going_on))
    run(["runs"])
    assert "homeport: no engine is up: 1 run went on when the last one was" in capsys.readouterr().err


def test_a_damaged_record_is_named_and_the_others_are_listed(home, capsys):
    (home / "runs" / "ap-bad.json").write_text("{")
    assert run(["runs"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert said.err.startswith("homeport: runs/ap-bad.json: this record is damaged: ")


def test_show_tells_all_of_a_run(home, capsys):
    assert run(["show", "latest"]) == 0
    text = capsys.readouterr().out
    for part in (
        "ap-full  eeg::train  stopped",
        "full: broken",
        "broken       train: expected 3734, saw 50",
        "not reached  cache apart from smoke: expected none of contract smoke's",
        "modal run app.py::train",
        "in /work by ann, modal 1.6.4, Python 3.11.2",
        "git cccccccccccc on main, with uncommitted changes",
        'train(config_path="full.yaml" (default)); it did not succeed; 1.0 s',
        "ta-1  train, started after 1.0 s, ran 8.0 s, exit status 137",
        "homeport modal app logs ap-full",
        'BGB_LIMIT_FILES=<secret dddddddd>    Secret "brain-secrets"',
        "and 2 of the platform and the base image",
        "MODE    set for a child process that was started at app.py:7",
        "/results  results: state 3, then state 5",
        "/root/full.yaml  bbbbbbbbbbbb, brought by mount, opened at /root/app.py:3",
        "train: cpu all 2 cores (asked: 24 cores)",
        "RUN pip install torch",
        "cloud= has no meaning on one machine.",
        "2 cores, 4.0 GiB; Linux 6.1, x86_64",
        "Its source was not recorded: disk full.",
    ):
        assert part in text, part


def test_show_says_nothing_of_what_libraries_set_by_themselves(home, capsys):
    run(["show", "ap-full"])
    assert "KMP_X" not in capsys.readouterr().out


def test_show_stays_within_the_terminals_width(home, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    wide = replace(FULL, run_id="ap-wide", outcome="It failed: " + "because of this and that " * 20)
    (home / "runs" / "ap-wide.json").write_bytes(encode(wide))
    assert run(["show", "ap-wide"]) == 0
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= 60


def test_a_container_that_ended_with_its_app_did_not_fail(home, capsys):
    attempt = Attempt("ta-1", "train", 1.0, 2.0, ended_at=3.0, exit_code=143, reason=app_stopped("ap-full"))
    ended = replace(FULL, run_id="ap-ended", attempts=(attempt,))
    (home / "runs" / "ap-ended.json").write_bytes(encode(ended))
    assert run(["show", "ap-ended"]) == 0
    out = capsys.readouterr().out
    assert "ran 1.0 s, ended with its app" in out
    assert "143" not in out


def test_what_is_not_final_is_so_far(home, capsys):
    call = replace(FULL.calls[0], inputs=40, succeeded=11, failed=1, ended_at=0.0)
    live = replace(
        FULL,
        run_id="ap-live",
        state="running",
        outcome="",
        ended_at=0.0,
        calls=(call,),
        attempts=(
            Attempt("ta-1", "train", 1.0, started_at=FULL.started_at + 1),
            Attempt("ta-2", "train", 1.0),
        ),
        contract=replace(FULL.contract, verdict="", seen={}, violations=()),
    )
    (home / "runs" / "ap-live.json").write_bytes(encode(live))
    assert run(["show", "ap-live"]) == 0
    out = capsys.readouterr().out
    titles = [line for line in out.splitlines() if line.endswith(" so far")]
    assert titles == [f"{title} so far" for title in ("Contract", "Calls", "Containers", "Volumes", "Files")]
    for part in (
        " d so far; a run" if " d so far" in out else " h so far; a run",
        "the first of 40 inputs, 12 of them done; 1 did not succeed",
        "ta-1  train, started after 1.0 s, still runs",
        "ta-2  train, waits to be started",
        "full: so far nothing breaks it",
        "waiting  train: expected 3734",
    ):
        assert part in out, part
    run(["show", "ap-full"])
    assert "so far" not in capsys.readouterr().out


def test_show_is_quiet_where_there_is_nothing_to_say(home, capsys):
    run(["show", "fc-small"])
    titles = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")]
    assert titles == ["fc-small  web::f  succeeded", "When"]


def test_show_gives_the_record_as_json(home, capsys):
    run(["show", "ap-full", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["contract"]["verdict"] == "broken"


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("ap-ful1", "There is no run 'ap-ful1'. Did you mean"),
        ("zz", "There is no run 'zz'. homeport runs lists them."),
    ],
)
def test_a_run_that_is_not_there_is_one_sentence(home, capsys, named, says):
    assert run(["show", named]) == 1
    assert says in capsys.readouterr().err


def test_times_are_read_as_they_are_typed():
    assert moment("2h", 10_000.0) == 2800.0
    assert moment("", 1.0) == 0.0
    with pytest.raises(InvalidError, match="is no time"):
        moment("yesterday", 1.0)


def test_a_short_id_is_no_other_runs():
    assert short("ap-1234567890abc", ["ap-1234567890abc", "ap-1234567890abd"]) == "ap-1234567890abc"
    assert short("ap-1234567890abc", ["ap-1234567890abc"]) == "ap-123456789"


def test_a_time_of_today_has_no_date():
    assert ":" in when(1000.0, 2000.0)
    assert when(1000.0, 1.7e9) == "1970-01-01"


def test_what_a_container_said_is_no_command_to_the_terminal(home, capsys):
    hostile = replace(
        FULL, run_id="ap-hostile", outcome="\x1b]0;title\x07\x1b[2J\rfailed \x1b[31mred\x1b[0m \x9b2J"
    )
    (home / "runs" / "ap-hostile.json").write_bytes(encode(hostile))
    assert run(["show", "ap-hostile"]) == 0
    out = capsys.readouterr().out
    assert "\ufffd]0;title\ufffd\ufffd[2J\ufffdfailed" in out and "\ufffd2J" in out
    assert not set(out.replace("\x1b[31m", "").replace("\x1b[0m", "")) & set("\x1b\x07\r\x9b")
