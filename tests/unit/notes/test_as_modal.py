"""The modal command under notes is the modal command: arguments, exit status, Ctrl-C, and nothing of ours."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from homeport.cli import launch_notes
from homeport.cli.service import Token
from homeport.control.runs.launchers import as_typed
from homeport.model.home import Home

SCRIPT = f"""#!{sys.executable}
import os, sys
def seen():
    limit = os.environ.get("LIMIT")
    modules = [name for name in sys.modules if "homeport" in name]
    names = sorted(name for name in vars(sys.modules["__main__"]) if not name.startswith("__"))
    return [sys.argv, sys.path[0], __file__, __name__, limit, modules, names, type(os.environ).__name__]
if __name__ == "__main__":
    import json
    print(json.dumps(seen()))
    sys.exit(7)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "modal"
    path.parent.mkdir()
    path.write_text(SCRIPT)
    path.chmod(0o755)
    return path


def run(line: list[str], **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(line, capture_output=True, text=True, env={**os.environ, **env})


TYPED = ["run", "--no-check", "a b", "-x"]


def noting(script: Path, root: Path, then: str = "") -> list[str]:
    line = launch_notes.noting([str(script)], Home(root), Token("ak", "as"), TYPED, then=then)
    return [*line, "run", "a b", "-x"]


def test_the_process_shows_what_was_typed(script: Path, tmp_path: Path) -> None:
    assert as_typed(tuple(noting(script, tmp_path))) == ("homeport", *TYPED)


def test_a_script_cannot_tell_that_it_is_noted(script: Path, tmp_path: Path) -> None:
    line = noting(script, tmp_path)
    assert line[0] == sys.executable
    with_notes, without = run(line, LIMIT="50"), run([str(script), *line[-3:]], LIMIT="50")
    assert with_notes.stdout == without.stdout
    assert json.loads(with_notes.stdout)[0][1:] == ["run", "a b", "-x"]
    assert (with_notes.stderr, with_notes.returncode) == (without.stderr, without.returncode) == ("", 7)


def test_the_users_app_is_noted_and_the_client_is_not(script: Path, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("import os\n\nlimit = os.getenv('LIMIT')\n")
    script.write_text(SCRIPT + f"    exec(compile(open({str(app)!r}).read(), {str(app)!r}, 'exec'))\n")
    script.write_text(script.read_text().replace("    sys.exit(7)\n", ""))
    line = noting(script, tmp_path)
    run(line, LIMIT="50")
    notes = [json.loads(text) for text in Path(line[2]).read_text().splitlines() if text]
    assert notes[0]["argv"][1:] == [str(script), "run", "a b", "-x"]
    reads = [(note["name"], note["stack"][0]["file"], note["stack"][0]["line"]) for note in notes[1:]]
    assert reads == [("LIMIT", str(app), 3)]
    assert "50" not in [note.get("digest") for note in notes]


def test_ctrl_c_and_the_exit_status_are_the_scripts_own(script: Path, tmp_path: Path) -> None:
    script.write_text(f"#!{sys.executable}\nimport os, time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    codes = []
    for line in (noting(script, tmp_path), [str(script)]):
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            codes.append(process.wait())
            assert process.stderr is not None
            assert process.stderr.read().endswith("KeyboardInterrupt\n")
    assert codes == [-signal.SIGINT, -signal.SIGINT]


def test_a_module_has_the_last_word_once_the_script_has_left_all_behind(script: Path, tmp_path: Path) -> None:
    script.write_text(
        SCRIPT.replace("sys.exit(7)", "import atexit; atexit.register(print, 'left'); sys.exit(7)")
    )
    done = run(noting(script, tmp_path, then="this"))  # which succeeds, and says something
    assert done.returncode == 0
    assert "left\nThe Zen of Python" in done.stdout
    done = run(noting(script, tmp_path, then="no_such_module"))
    assert (done.returncode, "no_such_module" in done.stderr) == (1, True)
    script.write_text(f"#!{sys.executable}\nraise KeyboardInterrupt\n")
    done = run(noting(script, tmp_path, then="this"))
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")


def test_a_script_of_another_language_is_run_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "modal"
    script.write_text("#!/bin/sh\nexit 3\n")
    assert noting(script, tmp_path)[0] == str(script)


def test_where_the_home_cannot_be_written_nothing_is_said(script: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    assert noting(script, tmp_path)[0] == str(script)
    (tmp_path / "runs").unlink()
    line = noting(script, tmp_path)
    Path(line[2]).unlink()
    done = run(line)
    assert (done.returncode, done.stderr) == (7, "")


def test_old_notes_are_removed(script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "launches"
    folder.mkdir(parents=True)
    for name, at in (("1-1.jsonl", 1), ("2-2.jsonl", 4e9)):
        (folder / name).touch()
        os.utime(folder / name, (at, at))
    noting(script, tmp_path)
    assert sorted(path.name for path in folder.iterdir() if path.name[1] == "-") == ["2-2.jsonl"]
