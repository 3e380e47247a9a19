"""A run from the outside: its folder and state, however it ends; attempts of one call go on with it."""

import json
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from tiny_cats import run as runs
from tiny_cats.config import resolve_dit
from tiny_cats.errors import CatsError, ConfigError, DataError, GateError
from training_kit.checkpoint import step_path
from training_kit.run_folder import read_state

CONFIG = Path(__file__).parents[2] / "configs" / "tinydit_smoke.yaml"


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts a run whose training is `train`; gives (exit status, its folder)."""
    module = ModuleType("made_training")
    monkeypatch.setitem(sys.modules, "made_training", module)
    monkeypatch.setitem(runs.TRAININGS, "dit", ("made_training", "train"))

    def begin(train, *overrides: str, **given):
        module.train = train
        status = runs.start(
            "dit", resolve_dit(CONFIG, overrides), data_dir=tmp_path, results_dir=tmp_path, **given
        )
        newest = max((tmp_path / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return status, newest

    return begin


def raising(error: BaseException, learned: bool = False):
    def train(run: runs.Run) -> None:
        if learned:
            step_path(run.folder / "checkpoints", 1).parent.mkdir(exist_ok=True)
            step_path(run.folder / "checkpoints", 1).touch()
        raise error

    return train


def test_a_run_that_ends_well_is_finished(begin) -> None:
    seen = []
    status, folder = begin(seen.append, max_steps=3)
    state = read_state(folder)
    assert (status, state.state, state.steps) == (0, "finished", 3)
    assert not seen[0].resume and not seen[0].is_stopping()
    assert json.loads((folder / "config.json").read_text())["config"]["name"] == "tinydit-smoke"
    log = (folder / "run.log").read_text()
    assert "[CONFIG] data.synthetic = " in log and "[DONE]" in log


@pytest.mark.parametrize(
    ("error", "learned", "is_final"),
    [
        (GateError("gate memorisation: …"), True, True),
        (DataError("no pictures"), False, True),
        (CatsError("diverged"), True, False),
    ],
)
def test_a_failure_is_said_and_kept_and_final_where_it_would_fail_again(begin, error, learned, is_final):
    status, folder = begin(raising(error, learned), call_id="fc-1")
    state = read_state(folder)
    assert (status, state.state, state.error, state.is_final) == (1, "failed", str(error), is_final)
    assert f"error: {error}" in (folder / "run.log").read_text()
    again = []
    status, _ = begin(again.append, call_id="fc-1")
    assert (status, len(again)) == ((1, 0) if is_final else (0, 1))


def test_attempts_of_one_call_go_on_with_its_run(begin) -> None:
    with pytest.raises(RuntimeError):
        begin(raising(RuntimeError("the machine died"), learned=True), call_id="fc-2")
    seen = []
    status, folder = begin(seen.append, call_id="fc-2")
    assert status == 0 and seen[0].resume and read_state(folder).attempts == 2
    assert len(list(folder.parent.iterdir())) == 1


def test_time_that_is_over_is_no_failure(begin) -> None:
    def train(run: runs.Run) -> None:
        deadline = time.monotonic() + 10
        while not run.is_stopping():
            assert time.monotonic() < deadline
        raise KeyboardInterrupt

    status, folder = begin(train, limit_s=0.001)
    assert status == runs.OUT_OF_TIME and read_state(folder).state == "interrupted"


def test_ctrl_c_is_no_failure_either(begin) -> None:
    status, folder = begin(raising(KeyboardInterrupt()))
    assert status == 130 and read_state(folder).state == "interrupted"
    assert "go on with --resume" in (folder / "run.log").read_text()


def test_resume_goes_on_with_the_newest_unfinished_and_refuses_other_settings(begin) -> None:
    begin(raising(KeyboardInterrupt()))
    with pytest.raises(ConfigError, match=r"training\.batch_size was 16 and is 8"):
        begin(print, "training.batch_size=8", resume=True)
    seen = []
    status, folder = begin(seen.append, "training.log_every_steps=1", resume=True)
    assert status == 0 and seen[0].resume
    saved = json.loads((folder / "config.json").read_text())["config"]
    assert saved["training"]["log_every_steps"] == 1, "the run's folder says what it goes on with"
    with pytest.raises(CatsError, match="nothing to resume"):
        begin(print, resume=True)


def test_a_run_is_run_once_at_a_time(begin, tmp_path) -> None:
    def train(run: runs.Run) -> None:
        with pytest.raises(CatsError, match="is being trained by another process"):
            runs.start("dit", resolve_dit(CONFIG), data_dir=tmp_path, results_dir=tmp_path, resume=True)

    assert begin(train)[0] == 0
