"""A contract written from a good run: it can be read, the run keeps it, and another run does not."""

import pytest

from homeport.record.contracts.drafting import draft
from homeport.record.contracts.guessing import guess
from homeport.record.contracts.judge import Judge
from homeport.record.contracts.reading import read
from homeport.record.run import Argument, Attempt, Call, Folder, Function, Note, Place, Run, Variable

LINES = [
    "2026-08-01 10:00:00 INFO Loading 3734 train, 933 val files",
    "[DATA] Cache: /results/cache/full",
    "[TRAIN] Epoch 1/3: loss 0.5, 12 images",
    "[TRAIN] Epoch 2/3: loss 0.4, 12 images",
    "[DATA] Processing file 1/3734: a.pgm",
    "[DATA] Processing file 100/3734: b.pgm",
    "it's 1,438 images (of the 'full' split)",
    "::homeport classes=10",
]
STACK = (Place("/root/app.py", 3),)
RUN = Run(
    "ap-1",
    name="fifty",
    function="train",
    state="succeeded",
    started_at=100.0,
    ended_at=400.0,
    calls=(
        Call("fc-1", "train", (Argument("config_path", '"configs/full.yaml"'), Argument("n", "", "default"))),
    ),
    functions=(
        Function(
            "train",
            environment=(
                Variable("WANDB_API_KEY", 'Secret "wandb"', digest="#"),
                Variable("MODE", "image: ENV MODE=full", "full"),
                Variable("HOME", "platform", "/root"),
            ),
        ),
    ),
    notes=(
        Note(1.0, 1, "read", "BGB_LIMIT_FILES", "get", stack=STACK),
        Note(1.0, 1, "read", "LANG", "get", stack=STACK),
        Note(1.0, 1, "open", how="r", path="/app/configs/full.yaml", stack=STACK),
    ),
    folders=(
        Folder("/results/cache/full", 5, 5, volume="r"),
        Folder("/results/checkpoints", 0, 2, volume="r"),
        Folder("/data/tusz", 9, volume="d"),
        Folder("/results/cache/full/a", 5),
        Folder("/usr/lib", 9),
    ),
    attempts=(Attempt("ta-1", "train", memory_peak_bytes=300 * 1024**2),),
)


def test_a_draft_can_be_read_and_its_run_keeps_it() -> None:
    text = draft(RUN, LINES, "full")
    (terms,) = read(text).contracts
    assert terms.when.arguments == {"config_path": ("configs/full.yaml",)} and terms.when.function == (
        "train",
    )
    assert terms.forbid_env == ("BGB_LIMIT_FILES",) and terms.require_env == ("WANDB_API_KEY",)
    assert terms.reads == ("/app/configs/full.yaml", "/data/tusz")
    assert terms.writes == ("/results/checkpoints",) and terms.max_minutes == 15
    assert '# env = { MODE = "full" }' in text and "# max_memory_gib = 0.5" in text
    judge = Judge(terms)
    assert judge.printed("ta-1", [(1.0, line) for line in LINES]) == []
    assert [
        v.rule for v in judge.ended("succeeded", 10.0) if not v.rule.startswith(("reads", "writes"))
    ] == []
    expected = {name: str(each) for name, each in terms.expect.items()}
    assert expected == {
        "train": "3734",
        "val": "933",
        "cache": "/results/cache/full",
        "images": "1438",
        "classes": "10",
    }


def test_the_run_with_fifty_files_breaks_the_draft() -> None:
    (terms,) = read(draft(RUN, LINES, "full")).contracts
    found = Judge(terms).printed("ta-1", [(1.0, "2026-08-02 11:00:00 INFO Loading 50 train, 10 val files")])
    assert [each.sentence for each in found] == [
        "expected 3734 train files, saw 50.",
        "expected 933 val files, saw 10.",
    ]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("train=100 val=20 files", {"train": "100", "val": "20"}),
        ("Found 12 classes in (data/a.b)", {"classes": "12"}),
        ("Dataset: 7 images + 8 images", {"images": "7"}),
        ("Epoch 3: 12 images", {}),
        ("listening on 127.0.0.1:8080", {}),
        ("Wrote 1797 images to /results/digits", {}),
        ("took 12 seconds for 3 files", {}),
        ("nothing at all", {}),
        ("output dir: /results/out files", {"output": "/results/out"}),
    ],
)
def test_lines_that_count_something(line: str, values: dict[str, str]) -> None:
    assert guess([line]).values == values


def test_a_name_that_is_no_bare_key_is_quoted() -> None:
    (terms,) = read(draft(RUN, [], 'a "b".c')).contracts
    assert terms.name == 'a "b".c' and not terms.expect
