"""Whatever runs are made of: a run differs in nothing from itself, and the other way round differs the other
way round; explain never shows what a Secret holds."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from homeport.record.diff.compare import compare
from homeport.record.explain.known import Known
from homeport.record.explain.variable import explain_variable
from homeport.record.run import (
    Argument,
    Call,
    ConfigFile,
    Count,
    Function,
    Image,
    Launcher,
    Note,
    Place,
    Run,
    ShellVariable,
    Source,
    SourceFile,
    Variable,
    Volume,
)
from tests.support.fifty_runs import digest

NAMES = ("A", "B", "BGB_LIMIT_FILES", "PATH")
VALUES = ("1", "2", "fifty")
FILES = ("/root/app.py", "/root/train.py", "/app/a.py")
TEXTS = {
    "a" * 64: 'import os\nenv = dict(os.environ)\nenv["A"] = "1"\nenv.pop("B")\n',
    "b" * 64: 'import modal, os\nmodal.Secret.from_dict(dict(os.environ))\ndef train(x="1"):\n    pass\n',
}


class Dice:
    """Makes runs of a few names and values, so that two of them often have something in common."""

    def __init__(self, seed: int) -> None:
        self.of = random.Random(seed)

    def some(self, make, most=3):
        return tuple(make() for _ in range(self.of.randrange(most + 1)))

    def named(self, make, names):
        """One for some of the names, as where a name stands for one thing."""
        return tuple(make(name) for name in names if self.of.random() < 0.5)

    def run(self) -> Run:
        pick = self.of.choice
        return Run(
            pick(["ap-1", "ap-2"]),
            launcher=Launcher(
                cwd="/home/a",
                shell=self.named(lambda name: ShellVariable(name, digest(pick(VALUES))), NAMES),
                notes=self.some(self.note),
            ),
            source=Source(
                "/home/a/app.py", self.named(lambda path: SourceFile(path, pick(sorted(TEXTS))), FILES)
            ),
            images=self.named(
                lambda name: Image(name, packages={pick(NAMES): pick(VALUES)}), ("im-1", "im-2")
            ),
            functions=self.named(
                lambda tag: Function(tag, pick(["im-1", "im-2"]), self.named(self.variable, NAMES)),
                ("train", "evaluate"),
            ),
            volumes=self.named(lambda name: Volume(name, seen=pick(VALUES)), NAMES),
            calls=self.some(
                lambda: Call(
                    pick(["fc-1", "fc-2"]),
                    "train",
                    (Argument("x", f'"{pick(VALUES)}"'),),
                    started_at=self.of.uniform(1, 100),
                )
            ),
            configs=self.named(
                lambda path: ConfigFile(path, text=f"k: {pick(VALUES)}", opened=pick([None, self.place()])),
                ("/a.yaml", "/b.yaml", "/c.json"),
            ),
            notes=self.some(self.note, 8),
            counts=self.some(lambda: Count(pick(NAMES), pick(VALUES))),
        )

    def place(self) -> Place:
        return Place(self.of.choice(FILES), self.of.randint(1, 4), self.of.choice(["<module>", "train"]))

    def variable(self, name: str) -> Variable:
        pick = self.of.choice
        if self.of.random() < 0.4:
            return Variable(name, pick(["platform", "image: ENV A=1"]), pick(("1", "2", "plain")))
        origin = pick(["Secret.from_dict (st-1)", 'Secret "keys"', "Secret.from_dict (st-2)"])
        return Variable(name, origin, digest=digest(pick(VALUES)))

    def note(self) -> Note:
        pick = self.of.choice
        return Note(
            at=self.of.uniform(1, 100),
            pid=self.of.randint(2, 5),
            kind=pick(["process", "read", "set", "unset", "child"]),
            name=pick(NAMES),
            how=pick(["get", "in", "copy"]),
            digest=digest(pick(VALUES)),
            argv=pick([(), ("python", "train.py"), ("sh", "-c", "A=1 python x.py")]),
            parent=self.of.randint(1, 4),
            changes={pick(NAMES): pick(["", digest("1"), digest("2")]) for _ in range(self.of.randrange(3))},
            stack=self.some(self.place, 2),
            task_id=pick(["ta-1", "ta-2"]),
        )


# a seed in place of each part: drawing the parts takes hypothesis longer than comparing them
RUNS = st.integers(0, 2**32).map(lambda seed: Dice(seed).run())


def world(run):
    return Known(run, lambda path, sha256: TEXTS.get(sha256))


def shape(comparison, *, flipped=False):
    """Without details, which say more of the same; in no order."""
    sections = [section.flipped if flipped else section for section in comparison.sections]
    return [
        (section.title, sorted((each.name, each.before, each.after) for each in section.differences))
        for section in sections
    ]


@given(RUNS)
def test_a_run_differs_in_nothing_from_itself(run):
    assert not compare(world(run), world(replace(run, run_id="ap-9")))


@given(RUNS, RUNS)
def test_the_other_way_round_differs_the_other_way_round(before, after):
    there, back = compare(world(before), world(after)), compare(world(after), world(before))
    assert shape(there, flipped=True) == shape(back)


@given(RUNS, st.sampled_from(NAMES))
def test_explain_shows_no_value_of_a_secret(run, name):
    # "fifty" is a value of Secrets and of the shell alone
    assert "fifty" not in repr(explain_variable(world(run), name))
