"""A run whose results folder takes nothing more ends with its reason and its verification: no traceback."""

import errno
from types import SimpleNamespace

from seizure.launch import launch, verification
from tests.seizure.launch.conftest import FULL
from training_kit import run_folder
from training_kit.run_log import RunLog

NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


def test_the_end_of_a_run_is_said_where_nothing_can_be_written(
    tmp_path, data, configuration, training, capsys, monkeypatch
):
    training("print('error: no room for the checkpoint', flush=True); sys.exit(1)")

    def full(*_):
        raise NO_SPACE

    def begins(folder, state):  # there is room at first
        return write_state(folder, state) if state.state == "running" else full()

    write_state = run_folder.write_state
    monkeypatch.setattr(run_folder, "write_state", begins)
    monkeypatch.setattr(verification, "files", SimpleNamespace(write_text=full))
    assert launch(configuration(FULL), data_dir=data, results_dir=tmp_path / "results", environ={}) == 1
    said = capsys.readouterr().out
    assert "state.json could not be written: No space left on device" in said
    assert "VERIFICATION" in said
    assert "verdict: UNFINISHED" in said


def test_lines_are_still_said_where_the_log_takes_no_more(tmp_path, capsys, monkeypatch):
    class Full:
        def write(self, _line: str) -> int:
            raise NO_SPACE

        def close(self) -> None:
            raise NO_SPACE

    with RunLog(tmp_path) as say:
        say("one")
        say._file.close()
        monkeypatch.setattr(say, "_file", Full())
        say("two")
        say("three")
        say("four", quiet=True)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if not line.startswith("[RUN]")] == ["one", "two", "three"]
    assert [said[2]] == [line for line in said if "lacks lines from here on: No space left" in line]
    assert (tmp_path / "run.log").read_text() == "one\n"
