"""What is noted of a program, on each Python: reads, changes, children, files."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from homeport.control.runs.task_files import _folders_of
from homeport.record import notes as reading
from homeport.runtime.inside.note_lines import as_words
from tests.unit.notes.noted import SALT, Noted


def counted(noted: Noted) -> dict[str, tuple[int, int]]:
    """Files read and written by folder, as a record has them."""
    return {each.path: (each.read, each.written) for each in _folders_of(reading.read_all(noted.file), ())}


def digest(value: str) -> str:
    return hashlib.blake2b(value.encode(), key=SALT, digest_size=16).hexdigest()


def test_the_first_read_at_each_place_is_noted_once(noted: Noted) -> None:
    noted.run(
        "import os\n"
        "def limit():\n"
        "    return os.environ.get('LIMIT')\n"
        "for _ in range(1000):\n"
        "    limit()\n"
        "os.getenv('LIMIT', '7')\n"
        "'LIMIT' in os.environ\n"
        "os.environ['LIMIT']\n"
        "os.environb[b'LIMIT']\n"
        "try: os.environ['NONE']\n"
        "except KeyError: pass\n",
        LIMIT="50",
    )
    assert noted.short("read") == [
        ("read", "LIMIT", "get", 3),
        ("read", "LIMIT", "get", 6),
        ("read", "LIMIT", "in", 7),
        ("read", "LIMIT", "[]", 8),
        ("read", "LIMIT", "[]", 9),
        ("read", "NONE", "[]", 10),
    ]
    first, *_, last = noted.notes("read")
    assert (first["digest"], last.get("digest")) == (digest("50"), None)
    assert [place["line"] for place in first["stack"]] == [3, 5]
    assert [place["function"] for place in first["stack"]] == ["limit", "<module>"]
    assert first["stack"][0]["file"] == str(noted.folder / "app.py")


def test_a_place_that_comes_after_a_long_loop_is_noted_once_the_program_does_something_else(
    noted: Noted,
) -> None:
    noted.run(
        "import os\n"
        "for _ in range(10_000): os.environ.get('LIMIT')\n"
        "import colorsys\n"
        "os.environ.get('LIMIT')\n"
    )
    assert noted.short("read") == [("read", "LIMIT", "get", 2), ("read", "LIMIT", "get", 4)]


@pytest.mark.parametrize(
    "statement",
    [
        "os.environ.copy()",
        "dict(os.environ)",
        "list(os.environ.items())",
        "[value for value in os.environ.values()]",
        "{**os.environ}",
        "os.environ | {'A': 'b'}",
        "for name in os.environ: pass",
        "os.environ == {}",
    ],
)
def test_reading_the_whole_environment_is_one_note(noted: Noted, statement: str) -> None:
    noted.run(f"import os\n{statement}\n", A="1", B="2")
    assert noted.short("read") == [("read", "", "copy", 2)]


def test_changes_are_noted_with_the_digest_and_the_way_there(noted: Noted) -> None:
    noted.run(
        "import os\n"
        "def choose(value):\n"
        "    os.environ['LIMIT'] = value\n"
        "choose('50')\n"
        "os.environ.update(LIMIT='3', OTHER='ü')\n"
        "for _ in range(100): os.environ['LIMIT'] = '3'\n"
        "del os.environ['LIMIT']\n"
        "os.putenv('LOW', '1'); os.unsetenv('LOW')\n"
        "os.environ.pop('OTHER')\n"
        "os.environ.setdefault('NEW', 'x')\n"
    )
    assert noted.short("set", "unset") == [
        ("set", "LIMIT", "", 3),
        ("set", "LIMIT", "", 5),
        ("set", "OTHER", "", 5),
        ("set", "LIMIT", "", 6),
        ("unset", "LIMIT", "", 7),
        ("set", "LOW", "", 8),
        ("unset", "LOW", "", 8),
        ("unset", "OTHER", "", 9),
        ("set", "NEW", "", 10),
    ]
    first, second, third, *_ = noted.notes("set")
    assert [first["digest"], second["digest"], third["digest"]] == [digest("50"), digest("3"), digest("ü")]
    assert [place["line"] for place in first["stack"]] == [3, 4]


def test_what_a_child_gets_otherwise_is_noted(noted: Noted) -> None:
    noted.run(
        "import os, subprocess, sys\n"
        "env = dict(os.environ, LIMIT='50')\n"
        "del env['GONE']\n"
        "subprocess.run(['true', b'x'], env=env)\n"
        "subprocess.run('true 1', shell=True)\n"
        "os.system('true 2')\n"
        "os.waitpid(os.posix_spawn('/bin/true', ['true', '3'], {'LIMIT': '50'}), 0)\n"
        "os.spawnvp(os.P_WAIT, 'true', ['true', '4'])\n"
        "subprocess.run(['true', '5'], close_fds=False)\n",
        GONE="1",
        LIMIT="1",
    )
    children = noted.notes("child")
    assert [child["argv"] for child in children] == [
        ["true", "x"],
        ["/bin/sh", "-c", "true 1"],
        ["/bin/sh", "-c", "true 2"],
        ["true", "3"],
        ["true", "4"],
        ["true", "5"],
    ]
    assert children[0]["changes"] == {"LIMIT": digest("50"), "GONE": ""}
    assert [child.get("changes") for child in children[1:3]] == [None, None]
    assert children[3]["changes"].keys() == {"LIMIT", "GONE", "PATH", "PYTHONPATH", *_locale(children[3])}
    assert [child["stack"][0]["line"] for child in children] == [4, 5, 6, 7, 8, 9]


def _locale(child: dict[str, dict[str, str]]) -> set[str]:
    return {"LC_CTYPE"} & child["changes"].keys()  # set by Python itself


def test_children_that_are_pythons_and_forks_name_their_parents(noted: Noted) -> None:
    noted.run(
        "import multiprocessing, os, subprocess, sys\n"
        "def work(n): os.environ.get('IN_' + n)\n"
        "if __name__ == '__main__':\n"
        "    subprocess.run([sys.executable, '-c', 'import os; os.getenv(\"IN_CHILD\")'])\n"
        "    for way in ('fork', 'spawn', 'forkserver'):\n"
        "        process = multiprocessing.get_context(way).Process(target=work, args=(way,))\n"
        "        process.start(); process.join()\n"
        "    if os.fork() == 0:\n"
        "        os.getenv('IN_FORK')\n"
        "        os.execvp(sys.executable, [sys.executable, '-c', 'import os; os.getenv(\"IN_EXEC\")'])\n"
        "    os.wait()\n"
    )
    readers = {
        note["name"]: note["pid"] for note in noted.notes("read") if note.get("name", "").startswith("IN_")
    }
    assert readers.keys() == {"IN_CHILD", "IN_fork", "IN_spawn", "IN_forkserver", "IN_FORK", "IN_EXEC"}
    parents = {note["pid"]: note["parent"] for note in noted.notes("process")}
    own = noted.notes("process")[0]["pid"]
    assert readers["IN_FORK"] == readers["IN_EXEC"]
    for name in ("IN_CHILD", "IN_fork", "IN_spawn", "IN_FORK"):
        assert parents[readers[name]] == own
    assert parents[parents[readers["IN_forkserver"]]] == own
    tried = [note for note in noted.notes("child") if note["argv"][-1].endswith('("IN_EXEC")')]
    assert len(tried) == 1


def test_configuration_files_and_counts_of_folders(noted: Noted) -> None:
    data = noted.folder / "data"
    data.mkdir()
    noted.run(
        "import os\n"
        "for n in range(10):\n"
        "    open(f'data/{n}.edf', 'w').close()\n"
        "for _ in range(3): open('data/1.edf').close()\n"
        "open('data/run.yaml', 'w').close()\n"
        "open('data/run.yaml').close(); open('data/run.yaml').close()\n"
        "try: open('default.toml')\n"
        "except OSError: pass\n"
        "os.chdir('data')\n"
        "open('run.yaml').close()\n"
        "open('/proc/self/status').close()\n"
    )
    assert noted.short("open") == [
        ("open", f"{data}/run.yaml", "w", 5),
        ("open", f"{data}/run.yaml", "r", 6),
        ("open", f"{noted.folder}/default.toml", "missing", 7),
    ]
    told = [note for note in noted.notes("folder") if note["path"] == str(data)]
    assert [note["written"] for note in told][:4] == [1, 2, 4, 8]
    assert (told[-1]["read"], told[-1]["written"]) == (2, 11)
    assert {note["path"] for note in noted.notes("folder")} == {str(data), str(noted.folder)}
    counts = counted(noted)
    assert counts[str(data)] == (2, 11)


def test_a_dataset_of_a_thousand_folders_is_counted_in_those_above(noted: Noted) -> None:
    noted.run(
        "import os\n"
        "for n in range(900):\n"
        "    os.makedirs(f'corpus/{n % 30}/{n}')\n"
        "    open(f'corpus/{n % 30}/{n}/a.edf', 'w').close()\n"
        "open('corpus/list.txt', 'w').close()\n"
    )
    assert len(noted.notes("folder")) < 700
    counts = counted(noted)
    corpus = {path: count for path, count in counts.items() if path.startswith(f"{noted.folder}/corpus")}
    assert sum(written for _, written in corpus.values()) == 901
    assert len(corpus) == 31


def test_what_a_library_does_is_noted_at_the_users_line(noted: Noted) -> None:
    library = noted.folder / "lib" / "site-packages" / "lib.py"
    library.parent.mkdir(parents=True)
    library.write_text("import os\nos.environ.get('OF_LIBRARY')\n")
    client = noted.folder / "pkg" / "client.py"
    client.parent.mkdir()
    client.write_text("import os\ndef call(do):\n    os.environ.get('OF_CLIENT')\n    do()\n")
    noted.run(
        "import os, sys\n"
        "sys.path += ['pkg', 'lib/site-packages']\n"
        "import lib, client\n"
        "client.call(lambda: os.environ.get('OF_USER'))\n"
    )
    assert [(note["name"], note["stack"][0]["line"]) for note in noted.notes("read")] == [
        ("OF_LIBRARY", 3),
        ("OF_USER", 4),
    ]
    assert noted.notes("read")[0]["library"] == [{"file": str(library), "line": 2, "function": "<module>"}]


def test_a_program_that_never_ends_to_do_things_is_not_written_down_for_ever(noted: Noted) -> None:
    noted.run(
        "import os\n"
        "for n in range(3000): os.environ.get(f'V{n}')\n"
        "for n in range(1500): os.environ['LIMIT'] = str(n)\n"
    )
    assert len(noted.notes("read")) == 2000
    assert len(noted.notes("set")) == 1000
    assert noted.notes("lost")[-1]["read"] == 1500


@pytest.mark.parametrize(
    "trouble",
    [
        "os.closerange(3, 1000)",
        "os.unlink(file)",
        "os.unlink(file); os.symlink('/dev/full', file)",
        "os.unlink(file); os.mkdir(file)",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))",
    ],
)
def test_trouble_with_the_file_is_silent(noted: Noted, trouble: str) -> None:
    out = noted.run(
        f"import os\nfile = {str(noted.file)!r}\n{trouble}\n"
        "os.environ['A'] = '1'\nassert os.environ.get('A') == '1'\nprint(os.environ['A'])\n"
    )
    assert out == "1\n"
    if noted.file.is_dir():
        noted.file.rmdir()  # or the next run could not be compared


def test_threads_write_whole_lines(noted: Noted) -> None:
    noted.run(
        "import os, threading\n"
        "def work(n):\n"
        "    for i in range(100): os.environ[f'V{n}'] = str(i)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
    )
    assert len(noted.notes("set")) == 800


def test_what_a_signal_handler_raises_reaches_the_program(noted: Noted) -> None:
    out = noted.run(
        "import os, signal\n"
        "class Late(OSError): pass\n"
        "def late(*_): raise Late\n"
        "signal.signal(signal.SIGALRM, late)\n"
        "caught = 0\n"
        "for n in range(200):\n"
        "    try:\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0.0005)\n"
        "        for m in range(100000): os.environ.get(f'V{n}-{m}')\n"
        "    except Late:\n"
        "        caught += 1\n"
        "print(caught)\n"
    )
    assert out == "200\n"


def test_names_that_are_no_text_and_long_command_lines(noted: Noted) -> None:
    noted.run(
        "import os, subprocess\n"
        "os.environb[b'\\xff\"\\\\\\n'] = b'\\xfe'\n"
        "subprocess.run(['true', *map(str, range(1000)), 'x' * 10000])\n"
    )
    assert noted.notes("set")[0]["name"] == '\\udcff"\\\n'
    assert len(noted.notes("child")[0]["argv"]) == 65
    assert len(reading.read_all(noted.file)) == len(noted.notes())


def test_nothing_of_ours_is_left_and_copies_are_plain(noted: Noted) -> None:
    out = noted.run(
        "import copy, json, os, pickle, sys\n"
        "found = [name for name in sys.modules if 'homeport' in name]\n"
        "copied = copy.deepcopy(os.environ)\n"
        "os.environ['X'] = '1'\n"
        "try: pickle.dumps(os.environ); pickled = True\n"
        "except (AttributeError, pickle.PicklingError): pickled = False\n"
        "data = pickle.loads(pickle.dumps(os.environ._data))\n"
        "print(json.dumps([found, type(copied._data).__name__, 'X' in copied, pickled, type(data).__name__,\n"
        "    type(os.environ).__name__, data == os.environ._data, os.environb._data is os.environ._data]))\n"
    )
    assert json.loads(out) == [[], "dict", False, False, "dict", "_Environ", True, True]


def test_kill_9_cuts_one_line_at_most(noted: Noted) -> None:
    path = noted.folder / "app.py"
    path.write_text("import os\nn = 0\nwhile True:\n    n += 1\n    os.environ[f'V{n}'] = 'x'\n")
    process = subprocess.Popen(
        [noted.python, str(path)],
        env={"PYTHONPATH": f"{noted.folder}/site", "PATH": os.environ["PATH"]},
        cwd=noted.folder,
    )
    while noted.file.stat().st_size < 20000:
        pass
    process.kill()
    process.wait()
    lines = noted.file.read_text().split("\n")[:-1]  # behind the last line end is nothing, or what was cut
    assert len(lines) > 100
    assert all(json.loads(line) for line in lines if line)


def test_a_line_that_was_cut_takes_no_other_with_it(noted: Noted) -> None:
    noted.file.write_text('{"at":1.0,"pid":7,"kind":"set","na')
    noted.run("import os\nos.environ['A'] = 'x'\n")
    found, _ = reading.read(noted.file)
    assert [(note.kind, note.name) for note in found] == [("process", ""), ("set", "A")]


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    note = '{"at": 1.5, "pid": 7, "kind": "set", "name": "A"}\n'
    assert reading.read(file) == ([], 0)
    file.write_text(note + "rubbish\n" + note[:10])
    found, offset = reading.read(file, task_id="ta-1")
    assert [(each.name, each.task_id) for each in found] == [("A", "ta-1")]
    assert reading.read(file, offset) == ([], offset)
    with file.open("a") as more:
        more.write(note[10:])
    assert [each.name for each in reading.read(file, offset)[0]] == ["A"]


def test_nothing_but_a_plain_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(__file__)
    for name in ("pipe", "link", "."):
        assert reading.read_all(tmp_path / name) == []


def test_a_file_that_was_made_endless_is_read_to_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_bytes(b'{"at": 1, "pid": 2, "kind": "read"}\n')
    os.truncate(file, 1 << 42)
    assert len(reading.read_all(file)) == 1


def test_command_lines_are_noted_without_secrets() -> None:
    words = ["train", "--hf-token", "X", "WANDB_API_KEY=X", "--max-tokens", "9", "--token=X", "--pad-token"]
    assert as_words(words) == [
        "train",
        "--hf-token",
        "<masked>",
        "WANDB_API_KEY=<masked>",
        "--max-tokens",
        "9",
        "--token=<masked>",
        "--pad-token",
    ]
