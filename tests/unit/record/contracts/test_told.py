"""A contract as it is shown: expected beside seen, and what became of each rule."""

import pytest

from homeport.record.contracts.told import clauses, in_words
from homeport.record.run import Contract, Violation

EXPECTED = {
    "val": "933",
    "train": "3734",
    "variable X": "not set",
    "cache apart from smoke": "none of contract smoke's",
    "reads a": "read",
}
BROKEN = Contract(
    "full",
    verdict="broken",
    expected=EXPECTED,
    seen={"train": "50", "variable X": "not set"},
    violations=(Violation("train", "3734", "50", "expected 3734, saw 50."),),
)


def verdicts(contract: Contract) -> dict[str, str]:
    return {clause.rule: clause.word(is_live=False) for clause in clauses(contract)}


def test_what_a_broken_run_never_came_to_was_not_reached() -> None:
    found = verdicts(BROKEN)
    assert next(iter(found)) == "train"
    assert found == {
        "train": "broken",
        "val": "not reached",
        "cache apart from smoke": "not reached",  # it says "none of", and nothing was compared with them
        "reads a": "not reached",
        "variable X": "kept",
    }


def test_of_a_run_that_goes_on_it_may_still_come() -> None:
    words = {clause.rule: clause.word(is_live=True) for clause in clauses(BROKEN)}
    assert words["val"] == "waiting"
    assert words["train"] == "broken"


def test_what_no_line_ever_showed_was_not_seen() -> None:
    unseen = Contract("full", verdict="unseen", violations=(Violation("val", "933", "", "never"),))
    assert verdicts(unseen) == {"val": "not seen"}


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("", "so far nothing"), ("kept", "kept"), ("broken", "broken"), ("unseen", "never showed")],
)
def test_the_whole_in_words(verdict, words) -> None:
    assert words in in_words(Contract("full", verdict=verdict))
