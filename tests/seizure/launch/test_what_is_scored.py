"""What a run scores: validation first, eval where it is asked for and there."""

from pathlib import Path

import pytest

from seizure.corpus import Recording, Splits
from seizure.training.run import splits_to_score
from tests.seizure.launch.conftest import FULL

ONE = (Recording("aaaaaaaa_s001_t000", Path("a.edf"), "aaaaaaaa", "tusz"),)


@pytest.mark.parametrize(
    ("asked", "eval_part", "scored"),
    [
        ("[]", ONE, []),
        ("[val]", ONE, ["val"]),
        ("[eval]", ONE, ["val", "eval"]),
        ("[eval, val]", ONE, ["val", "eval"]),
        ("[val, eval]", (), ["val"]),
    ],
)
def test_validation_comes_first_and_a_missing_eval_is_named(configuration, asked, eval_part, scored):
    config = configuration(FULL, f"evaluation.after_training={asked}").config
    lines: list[str] = []
    assert splits_to_score(config, Splits(ONE, ONE, eval_part), lines.append) == scored
    assert bool(lines) == (asked == "[val, eval]")
