"""A run from the outside: its folder, its training process, how it ends and how it goes on."""

import json
import os
import signal
import sys
import threading
import time

import pytest

from seizure.commands import run, train
from seizure.errors import ConfigError, SeizureError
from seizure.launch import launch
from seizure.launch.child import run_child
from tests.seizure.launch.conftest import FULL, SMOKE
from tests.support.waiting import wait_until
from training_kit.run_folder import State, alone, held, read_state, write_state

FINISH = """
state = json.loads((folder / "state.json").read_text())
(folder / "state.json").write_text(json.dumps({**state, "state": "finished", "steps": 100}))
"""
WORK = """
log = (folder / "run.log").open("a")
log.write("[ENV] BGB_LIMIT_FILES: " + os.environ.get("BGB_LIMIT_FILES", "unset") + "\\n")
log.write("[DATA] Found 3 train, 1 val, 0 eval files\\nLoading 3 train, 1 val files\\n")
log.write("[DATA] Cache: /r/cache/tusz/0a\\n[DATA] Processing file 1/3: a.edf\\n")
log.write("[DATA] Processed 3 train files\\n[DATA] Processed 1 val files\\n[DONE] it\\n")
"""


@pytest.fixture
def go(tmp_path, data, configuration):
    """Launches a full run in tmp_path/results."""

    def go(text=FULL, *overrides, environ=os.environ, **more):
        results = tmp_path / "results"
        resolved = configuration(text, *overrides)
        return launch(resolved, data_dir=data, results_dir=results, environ=environ, **more)

    return go


@pytest.fixture
def runs(tmp_path):
    return lambda: sorted((tmp_path / "results/runs").glob("*"))


def test_a_run_leaves_its_configuration_log_state_and_verification(go, runs, training, capsys):
    training(WORK + FINISH)
    assert go() == 0
    (folder,) = runs()
    assert folder.name.startswith("tusz-20")
    said = capsys.readouterr().out
    assert "is a full run" in said and "training.steps = 100  (" in said and "VERIFICATION" in said
    assert said == (folder / "run.log").read_text().replace(_written_by_the_stand_in(folder), "")
    assert json.loads((folder / "verification.json").read_text())["verdict"] == "verified"
    assert json.loads((folder / "config.json").read_text())["origins"]["cache.dir"].endswith("run.yaml:3")


def _written_by_the_stand_in(folder):
    text = (folder / "run.log").read_text()
    return text[text.index("[ENV]") : text.index("VERIFICATION")]


def test_a_leaked_variable_does_not_reach_the_training_process(go, runs, training, capsys):
    training(WORK + "print(dict(os.environ), flush=True)" + FINISH)
    assert go(environ={**os.environ, "BGB_LIMIT_FILES": "50"}) == 0
    assert "BGB_LIMIT_FILES=50 ignored: " in capsys.readouterr().out
    assert "[ENV] BGB_LIMIT_FILES: unset" in (runs()[0] / "run.log").read_text()


def test_a_run_that_is_not_the_one_asked_for_fails_though_it_finished(go, training, capsys):
    training(WORK.replace("Loading 3", "Loading 2") + FINISH)
    assert go() == 1
    assert "verdict: MISMATCH" in capsys.readouterr().out


def test_strict_env_refuses_before_anything_is_made(go, tmp_path, training):
    training("raise SystemExit(0)")
    with pytest.raises(ConfigError, match="strict_env"):
        go(FULL, "strict_env=true", environ={"BGB_LIMIT_FILES": "50"})
    assert not (tmp_path / "results").exists()


def test_a_missing_data_folder_names_how_to_get_one(go):
    with pytest.raises(ConfigError, match=r"data/tuh is no folder: .* --data DIR, .*synth data/synthetic"):
        go(FULL, "data.root=tuh")


def test_a_killed_training_process_is_named_and_its_checkpoint_kept(go, runs, training, capsys):
    make = "(folder / 'checkpoints').mkdir(); (folder / 'checkpoints/step-1.pt').touch();"
    training(f"{make} os.kill(os.getpid(), 9)")
    assert go() == 1
    said = capsys.readouterr().out
    assert "[FAILED] the training process was killed by SIGKILL; the usual cause is that memory" in said
    assert "UNFINISHED" in said
    assert read_state(runs()[0]).state == "failed"
    assert not read_state(runs()[0]).is_final
    assert (runs()[0] / "checkpoints/step-1.pt").exists()


def test_interrupted_by_a_signal_the_training_process_ends_itself(go, runs, training):
    training(
        "try:\n    (folder / 'here').touch(); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    (folder / 'asked').touch(); sys.exit(130)"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        before = len(runs())
        threading.Thread(target=_signal_when_it_runs, args=(runs, before, number), daemon=True).start()
        assert go() == 130
        assert (runs()[-1] / "asked").exists()
        assert read_state(runs()[-1]).state == "interrupted"


def _signal_when_it_runs(runs, before, number):
    while not (len(runs()) > before and (runs()[-1] / "here").exists()):
        time.sleep(0.01)
    os.kill(os.getpid(), number)


def test_after_its_time_an_attempt_ends_to_be_continued(go, runs, training):
    training("try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    sys.exit(130)")
    assert go(limit_s=0.5) == 75
    assert read_state(runs()[0]).state == "interrupted"


def test_lines_are_passed_on_and_checkpoints_announced(go, training, capsys):
    training(WORK + "print('[CHECKPOINT] a.pt'); print('note [CHECKPOINT] b'); print('end')" + FINISH)
    calls = []
    assert go(on_checkpoint=lambda: calls.append(1)) == 0
    assert calls == [1]
    assert "[CHECKPOINT] a.pt\nnote [CHECKPOINT] b\nend\n" in capsys.readouterr().out


def test_long_before_a_checkpoint_what_is_there_is_kept_too(tmp_path):
    calls = []
    code = "import time\nfor _ in range(3): print('a file', flush=True); time.sleep(0.05)"
    run_child([sys.executable, "-c", code], {}, on_checkpoint=lambda: calls.append(1), every_s=0.02)
    assert len(calls) >= 2
    run_child([sys.executable, "-c", code], {}, on_checkpoint=lambda: calls.append(2), every_s=60)
    assert 2 not in calls


def test_resume_takes_the_newest_unfinished_run_and_says_which(go, runs, training, capsys):
    training("os.kill(os.getpid(), 9)")
    assert go() == 1
    first = runs()[0]
    capsys.readouterr()
    training(WORK + FINISH)
    assert go(resume=True) == 0
    assert f"[RUN] Resuming {first}" in capsys.readouterr().out
    assert runs() == [first]
    assert read_state(first).attempts == 2
    with pytest.raises(SeizureError, match=f"{first} is finished .* nothing to resume"):
        go(resume=True)


def test_resume_without_a_run_and_with_other_settings(go, training):
    training("os.kill(os.getpid(), 9)")
    with pytest.raises(SeizureError, match="holds no run named tusz: start one without --resume"):
        go(resume=True)
    go()
    with pytest.raises(ConfigError, match=r"training\.seed was 0 and is 7\. Resume with the same"):
        go(FULL, "training.seed=7", resume=True)
    assert go(FULL, "training.workers=0", "evaluation.stride_s=10", resume=True) == 1


def test_a_run_that_ended_at_max_steps_can_be_resumed_further(go, runs, training):
    training(WORK + FINISH.replace("100", "10"))
    assert go(max_steps=10) == 0
    training(WORK + FINISH)
    with pytest.raises(SeizureError, match="nothing to resume"):
        go(max_steps=10, resume=True)
    assert go(resume=True) == 0
    assert len(runs()) == 1


def test_a_retry_of_the_same_call_goes_on_by_itself(go, runs, training):
    training("os.kill(os.getpid(), 9)")
    assert go(call_id="fc-1") == 1
    assert go(call_id="fc-2") == 1
    training(WORK + FINISH)
    assert go(call_id="fc-1") == 0
    assert len(runs()) == 2
    assert [read_state(folder).attempts for folder in runs()] == [2, 1]
    training("sys.exit(1)")
    assert go(call_id="fc-1") == 0, "finished already"


def test_a_retry_of_what_failed_before_it_learned_anything_is_not_tried_again(go, runs, training, capsys):
    fail = 'state = json.loads((folder / "state.json").read_text())\n'
    fail += '(folder / "state.json").write_text(json.dumps({**state, "state": "failed", "error": "bad"}))\n'
    training(fail + "sys.exit(1)")
    assert go(call_id="fc-1") == 1
    training(WORK + FINISH)
    assert go(call_id="fc-1") == 1
    assert "was ended by an earlier attempt of this call: bad" in capsys.readouterr().out
    assert go(resume=True) == 0, "a person who asks knows what was mended"


def test_two_processes_never_train_the_same_run(go, runs, training):
    training("os.kill(os.getpid(), 9)")
    go()
    with held(runs()[0]), pytest.raises(SeizureError, match="is being trained by another process"):
        go(resume=True)


def test_what_a_killed_launcher_left_is_waited_for(tmp_path):
    lines, order = [], []
    with alone(tmp_path, lines.append):
        after = threading.Thread(target=lambda: _alone(tmp_path, lines, order))
        after.start()
        wait_until(lambda: lines, what="the second to say that it waits")
        order.append("first")
    after.join(10)
    assert order == ["first", "second"]
    assert lines == ["[RUN] waiting for the training process of an earlier attempt to end"]
    with (
        alone(tmp_path, lines.append),
        pytest.raises(SeizureError, match="is being trained by another process"),
        alone(tmp_path, lines.append, patience_s=0.0),
    ):
        pass


def _alone(folder, lines, order):
    with alone(folder, lines.append):
        order.append("second")


def test_a_state_that_is_no_state_is_no_run(tmp_path):
    (tmp_path / "state.json").write_text("{}x")
    assert read_state(tmp_path) is None
    write_state(tmp_path, State("running"))
    assert read_state(tmp_path) == State("running")


def test_without_pytorch_training_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    (tmp_path / "run.yaml").write_text(FULL)
    assert run(["train", str(tmp_path / "run.yaml"), "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: PyTorch is not installed here: `make seizure`")


def test_a_smoke_run_gets_the_variable(go, runs, training):
    training(WORK + FINISH)
    go(SMOKE, environ={**os.environ, "BGB_LIMIT_FILES": ""})
    assert "[ENV] BGB_LIMIT_FILES: 50" in (runs()[0] / "run.log").read_text()
