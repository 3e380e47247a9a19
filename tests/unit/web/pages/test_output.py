"""A run's log on its page: the tail, a search, what came since, the download."""

import html
import json
import re
from dataclasses import replace
from urllib.parse import quote

import pytest

from homeport.record.run import Attempt, Run
from homeport.web.pages.output import Wanted, _selection
from tests.unit.web.pages.browsing import Browser, Site
from tests.unit.web.pages.made_runs import MadeRecords, row_of, whole_run


@pytest.fixture
def run(site: Site) -> Run:
    """A live one, of an app with a log."""
    app_id = site.apps.get_or_create("main", "printing", create=True)["app_id"]
    made = replace(whole_run(app_id), app_id=app_id, state="running", ended_at=0.0, attempts=())
    site.records.runs = [made]
    return made


def lines(page: str) -> list[str]:
    return [
        html.unescape(re.sub("<[^>]+>", "", text)) for text in re.findall(r"</time><span>(.*?)</span>", page)
    ]


def test_the_page_holds_the_log_s_end(site: Site, browser: Browser, run: Run) -> None:
    for number in range(450):
        site.logs.system(run.app_id, "", f"line {number} <b>")

    page = browser.get(f"/runs/{run.run_id}").text

    assert lines(page) == [f"line {number} <b>" for number in range(50, 450)]
    assert "The last 400 lines are shown" in page


def test_a_search_needs_no_script(site: Site, browser: Browser, run: Run) -> None:
    site.logs.system(run.app_id, "", "loss <0.1>")
    site.logs.system(run.app_id, "", "other")

    page = browser.get(f"/runs/{run.run_id}?q=%3C0.1").text

    assert lines(page) == ["loss <0.1>"]
    assert "<mark>&lt;0.1</mark>" in page
    assert "No line matches." in browser.get(f"/runs/{run.run_id}?q=nothing").text


def test_what_the_only_sandbox_of_a_run_printed_is_shown(run: Run) -> None:
    sandbox = Attempt("ta-1", "Sandbox sb-1", command=("sh", "-c", "echo hi"))
    of_one, of_two = replace(run, attempts=(sandbox,)), replace(run, attempts=(sandbox, sandbox))

    assert _selection(of_one, Wanted()).task_id == "ta-1"
    assert _selection(of_one, Wanted(task_id="ta-2")).task_id == "ta-2"
    assert _selection(of_two, Wanted()).task_id == ""
    assert _selection(replace(run, attempts=(Attempt("ta-1", "f"),)), Wanted()).task_id == ""


def test_what_came_since_is_told_once(site: Site, browser: Browser, run: Run) -> None:
    site.logs.system(run.app_id, "", "before")
    page = browser.get(f"/runs/{run.run_id}").text
    cursor = html.unescape(re.search('data-cursor="([^"]*)"', page)[1])  # type: ignore[index]
    site.logs.system(run.app_id, "", "after <i>")

    news = json.loads(browser.get(f"/runs/{run.run_id}/live?after={quote(cursor)}").body)
    later = json.loads(browser.get(f"/runs/{run.run_id}/live?after={quote(news['cursor'])}").body)

    assert lines(page) == ["before"]
    assert [line[1:] for line in news["lines"]] == [["system", "after <i>"]]
    assert later["lines"] == []
    assert not later["is_over"]
    assert later["parts"] == {}


def test_parts_that_the_page_has_are_not_sent_again(browser: Browser, run: Run) -> None:
    first = json.loads(browser.get(f"/runs/{run.run_id}/live?parts=").body)["parts"]
    have = quote(" ".join(digest for digest, _ in first.values()))

    again = json.loads(browser.get(f"/runs/{run.run_id}/live?parts={have}").body)["parts"]

    assert "environment" in first and "source" in first
    assert "environment" not in again and "source" not in again


def test_a_poll_for_lines_alone_composes_the_record_no_more_than_once(
    monkeypatch: pytest.MonkeyPatch, browser: Browser, run: Run
) -> None:
    composed: list[str] = []
    record = MadeRecords.record
    monkeypatch.setattr(MadeRecords, "row", lambda self, run_id: row_of(record(self, run_id)))
    monkeypatch.setattr(
        MadeRecords, "record", lambda self, run_id: composed.append(run_id) or record(self, run_id)
    )
    for _ in range(3):
        assert browser.get(f"/runs/{run.run_id}/live?").status == 200
    assert composed == [run.run_id]
    browser.get(f"/runs/{run.run_id}/live?parts=")
    assert len(composed) == 2, "parts are of the record as it is"


def test_a_damaged_cursor_is_no_error(browser: Browser, run: Run) -> None:
    assert browser.get(f"/runs/{run.run_id}/live?after=nonsense").status == 200


def test_the_download_has_all_lines(site: Site, browser: Browser, run: Run) -> None:
    for number in range(500):
        site.logs.system(run.app_id, "", f"line {number}")

    answer = browser.get(f"/runs/{run.run_id}/log.txt")

    assert len(answer.text.splitlines()) == 500
    assert answer.headers["content-type"].startswith("text/plain")
    assert "attachment" in answer.headers["content-disposition"]
