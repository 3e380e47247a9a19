"""Comparison and explanation pages."""

from dataclasses import replace

import pytest

from homeport.record.run import Variable
from tests.unit.web.pages.browsing import Browser, Site
from tests.unit.web.pages.made_runs import RUN_ID, whole_run

OTHER = "ap-" + "b" * 22


@pytest.fixture(autouse=True)
def two_runs(site: Site) -> None:
    function = whole_run().functions[0]
    other = replace(function, environment=(Variable("MODEL", "image: ENV MODEL=large", value="large<b>"),))
    site.records.runs = [whole_run(OTHER), replace(whole_run(), functions=(other,), state="succeeded")]


def test_two_picked_runs_are_compared_the_older_first(browser: Browser) -> None:
    answer = browser.get(f"/compare?r={OTHER}&r={RUN_ID}")

    assert answer.status == 303
    assert answer.headers["location"].endswith(f"/compare?a={RUN_ID}&b={OTHER}")


def test_differences_are_shown_side_by_side(browser: Browser) -> None:
    page = browser.get(f"/compare?a={RUN_ID}&b={OTHER}").text

    assert "MODEL" in page
    assert "large&lt;b&gt;" in page
    assert "Outcome" in page
    assert f"/compare?a={OTHER}&amp;b={RUN_ID}" in page


def test_equal_runs_differ_in_nothing(browser: Browser) -> None:
    assert "Nothing differs" in browser.get(f"/compare?a={RUN_ID}&b={RUN_ID}").text


@pytest.mark.parametrize("query", ["", "r=a", "r=a&r=b&r=c", f"a={RUN_ID}"])
def test_anything_but_two_runs_is_said(browser: Browser, query: str) -> None:
    answer = browser.get(f"/compare?{query}")

    assert answer.status == 400
    assert "Pick two runs" in answer.text


def test_a_variable_is_explained(browser: Browser) -> None:
    page = browser.get(f"/runs/{OTHER}/explain?variable=BGB_LIMIT_FILES")

    assert page.status == 200
    assert "BGB_LIMIT_FILES" in page.text
    assert 'class="answer"' in page.text


@pytest.mark.parametrize("kind", ["variable", "argument", "config", "file"])
def test_what_is_not_there_is_said(browser: Browser, kind: str) -> None:
    answer = browser.get(f"/runs/{RUN_ID}/explain?{kind}=%3Cscript%3E")

    assert answer.status == 404
    assert "<script>" not in answer.text


def test_without_a_name_it_asks_for_one(browser: Browser) -> None:
    assert "Where did it come from?" in browser.get(f"/runs/{RUN_ID}/explain").text
