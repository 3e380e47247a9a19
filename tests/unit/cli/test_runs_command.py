"""`homeport runs` and `homeport show`, on a home without an engine."""

import json
from dataclasses import replace

import pytest

from homeport.cli.root import run
from homeport.cli.runs import moment, short, when
from homeport.model.errors import InvalidError
from homeport.record.codec import encode
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
    Place,
    Run,
    Source,
    SourceFile,
    Variable,
    Violation,
    Volume,
)

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
                Variable("LANG", "image: ENV LANG=C", "C"),
                Variable("HOME", "platform", "/root"),
            ),
            limits=Limits({"cpu": "24 cores"}, {"cpu": "all 2 cores"}),
        ),
    ),
    volumes=(Volume("results", "vo-1", "/results", "state 3", "state 5"),),
    calls=(Call("fc-1", "train", (Argument("config_path", '"full.yaml"', "default"),), 1, 0, 1, 1.0, 2.0),),
    configs=(ConfigFile("/root/full.yaml", "b" * 64, "x: 1", Place("/root/app.py", 3), "ta-1", "mount"),),
    attempts=(
        Attempt("ta-1", "train", 1_700_000_000.0, 1_700_000_001.0, ended_at=1_700_000_009.0, exit_code=137),
    ),
    contract=Contract(
        "full",
        verdict="broken",
        expected={"train": "3734"},
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
    (tmp_path / "runs").mkdir()
    for record in (FULL, SMALL):
        (tmp_path / "runs" / f"{record.run_id}.json").write_bytes(encode(record))
    return tmp_path


def test_runs_are_listed_the_newest_first(home, capsys):
    assert run(["runs"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "started", "app::function", "state", "time", "contract"]
    assert [line.split("  ")[0] for line in lines] == ["ap-full", "fc-small"]
    assert lines[0].endswith("1 min 15 s   full: broken")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--state", "stopped"], ["ap-full"]),
        (["--app", "web"], ["fc-small"]),
        (["--kind", "call"], ["fc-small"]),
        (["--text", "3734"], ["ap-full"]),
        (["--since", "2023-01-01"], ["ap-full"]),
        (["--limit", "1"], ["ap-full"]),
    ],
)
def test_rows_are_chosen(home, capsys, options, found):
    run(["runs", "--format", "json", *options])
    assert [row["run_id"] for row in json.loads(capsys.readouterr().out)] == found


def test_where_there_is_nothing_it_says_so(home, capsys, monkeypatch):
    run(["runs", "--app", "gone"])
    assert capsys.readouterr().out == "No run fits.\n"
    monkeypatch.setenv("HOMEPORT_HOME", str(home / "other"))
    run(["runs"])
    assert capsys.readouterr().out == "There is no run yet. Start one with: homeport run FILE\n"


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
        "train: expected 3734, saw 50",
        "modal run app.py::train",
        "in /work by ann, modal 1.6.4, Python 3.11.2",
        "git cccccccccccc on main, with uncommitted changes",
        'train(config_path="full.yaml" (default)); 1 did not succeed; 1.00 s',
        "ta-1  train, started after 1.00 s, ran 8.00 s, exit status 137",
        'BGB_LIMIT_FILES=<secret dddddddd>    Secret "brain-secrets"',
        "and 1 of the platform",
        "/results  results: state 3, then state 5",
        "/root/full.yaml  bbbbbbbbbbbb, brought by mount, opened at /root/app.py:3",
        "train: cpu all 2 cores (asked: 24 cores)",
        "RUN pip install torch",
        "cloud= has no meaning on one machine.",
        "2 cores, 4.0 GiB; Linux 6.1, x86_64",
        "Its source was not recorded: disk full.",
    ):
        assert part in text, part


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
