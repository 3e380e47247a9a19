"""metrics.jsonl: in order, without gaps or repeats."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from training_kit.metrics import Metrics, read_metrics


def write(path, last_step, steps):
    with Metrics(path, last_step) as metrics:
        metrics.append([{"step": step, "loss": step / 2} for step in steps])
        metrics.make_durable()


def test_lines_beyond_the_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, 0, range(1, 8))
    write(path, 5, [6, 7, 8])
    assert [line["step"] for line in read_metrics(path)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, 0, [1, 2])
    with path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert [line["step"] for line in read_metrics(path)] == [1, 2]
    write(path, 2, [3])
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_no_file_is_no_lines(tmp_path):
    assert read_metrics(tmp_path / "metrics.jsonl") == []


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=5), st.data())
def test_whatever_was_killed_steps_follow_each_other(tmp_path_factory, lives, data):
    """Each life writes some steps, checkpoints one of them or none, and leaves part of a line."""
    path, kept = tmp_path_factory.mktemp("metrics") / "metrics.jsonl", 0
    for steps, torn in lives:
        write(path, kept, range(kept + 1, kept + steps + 1))
        with path.open("a") as file:
            file.write('{"step": 99, "loss": 1}'[:torn])
        kept = data.draw(st.integers(kept, kept + steps))
    write(path, kept, [kept + 1])
    assert [line["step"] for line in read_metrics(path)] == list(range(1, kept + 2))
