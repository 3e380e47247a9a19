"""Every rule's documentation is whole, and its examples show what they say: the bad has it, the good not."""

import re
from pathlib import Path

import pytest

from homeport.check import fix
from homeport.check.rules import Example, Rule, documentation, rules
from tests.support.check import findings_of_example

RULES = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.CODE)


@RULES
def test_a_rule_says_what_and_why_and_shows_a_bad_and_a_good_example(rule: Rule) -> None:
    said = documentation(rule)
    assert re.fullmatch(r"HP\d{3}", rule.CODE)
    assert said.title and said.text and said.bad and said.good


@RULES
def test_the_bad_example_has_it(rule: Rule) -> None:
    for example in documentation(rule).bad:
        assert findings_of_example(example, only=rule.CODE), example.files


@RULES
def test_the_good_example_has_it_not(rule: Rule) -> None:
    for example in documentation(rule).good:
        assert not findings_of_example(example, only=rule.CODE)


@RULES
def test_its_edits_mend_the_bad_example(rule: Rule, tmp_path: Path) -> None:
    for number, example in enumerate(documentation(rule).bad):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = fix.plan(findings_of_example(example, only=rule.CODE, folder=folder))
        assert not plan.refused
        for patch in plan.patches:
            patch.apply()
        mended = {name: (folder / name).read_text() for name in example.files}
        left = findings_of_example(Example(mended, example.typed), only=rule.CODE)
        assert not any(finding.edits for finding in left)
