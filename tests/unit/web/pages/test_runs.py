"""The list and the page of a run, as HTML."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from homeport.record.codec import DamagedRecordError
from homeport.record.run import Call, Edit, Function, Launcher, Run, SourceFile, Variable
from tests.unit.web.pages.browsing import Browser, Site
from tests.unit.web.pages.made_runs import AT, RUN_ID, whole_run

LARGEST_PAGE = 200 << 10


def runs_in(page: str) -> list[str]:
    return re.findall(r'href="/runs/(ap-[^"]+)"', page)


def test_the_list_is_newest_first_a_page_at_a_time(browser: Browser) -> None:
    first, third = browser.get("/").text, browser.get("/?page=3").text

    assert runs_in(first)[0] == RUN_ID
    assert len(runs_in(first)) == 50
    assert "1 to 50 of 121 runs" in first
    assert len(runs_in(third)) == 21
    assert 'rel="next"' in first and 'rel="prev"' not in first
    assert 'rel="next"' not in third and 'rel="prev"' in third


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("state=running", lambda run: run.state == "running"),
        ("app=app-3", lambda run: run.name == "app-3"),
        ("q=number+7", lambda run: "number 7" in run.outcome),
        ("state=failed&app=app-1&kind=run", lambda run: run.state == "failed" and run.name == "app-1"),
        ("verdict=broken", lambda run: run.contract.verdict == "broken"),
        ("kind=deployment", lambda run: False),
        ("state=nonsense", lambda run: True),
    ],
)
def test_filters_choose(browser: Browser, query: str, wanted: object) -> None:
    expected = [run.run_id for run in browser.site.records.runs if wanted(run)]  # type: ignore[operator]

    assert runs_in(browser.get(f"/?{query}").text) == expected[:50]


def test_pages_keep_the_filters(browser: Browser) -> None:
    browser.site.records.runs *= 3

    page = browser.get("/?state=running&q=outcome").text

    assert 'href="/?state=running&amp;q=outcome&amp;page=2"' in page


def test_records_that_cannot_be_read_are_named_below_the_others(site: Site, browser: Browser) -> None:
    site.records.sentences = [f"runs/ap-{n}.json: this record is damaged: <b>." for n in range(30)]

    first, second = browser.get("/").text, browser.get("/?page=2").text

    assert first.count("this record is damaged: &lt;b&gt;.") == 20
    assert "The first 20 of 30 are named." in first
    assert len(runs_in(first)) == 50
    assert "damaged" not in second


def test_an_empty_home_says_how_to_begin(site: Site, browser: Browser) -> None:
    site.records.runs = []

    assert "homeport run app.py" in browser.get("/").text


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 40, "²"])
def test_any_page_number_is_answered(browser: Browser, number: str) -> None:
    assert browser.get(f"/?page={number}").status == 200


def test_a_violation_stands_above_everything_else(browser: Browser) -> None:
    page = browser.get(f"/runs/{RUN_ID}").text

    violation = page.index("expected 3734 train files, saw 50")
    assert violation < page.index('id="contract"') < page.index('id="log"')
    assert "stopped by its contract" in page


def test_an_outcome_that_repeats_the_violation_is_said_once(site: Site, browser: Browser) -> None:
    run = whole_run()
    assert run.contract is not None
    sentence = run.contract.violations[0].sentence
    site.records.runs = [replace(run, outcome=f"Contract full is broken: {sentence}.")]

    page = browser.get(f"/runs/{RUN_ID}").text

    assert page.count(sentence) == 1
    assert "by contract full" in page


def test_a_run_is_found_by_a_beginning_and_as_latest(browser: Browser) -> None:
    for named in ("latest", RUN_ID[:8]):
        answer = browser.get(f"/runs/{named}")
        assert (answer.status, answer.headers["location"]) == (303, f"/runs/{RUN_ID}")


def test_a_run_that_is_not_there_is_said(browser: Browser) -> None:
    answer = browser.get("/runs/ap-nothing")

    assert answer.status == 404
    assert "There is no run" in answer.text


def test_an_almost_empty_record_is_shown(site: Site, browser: Browser) -> None:
    for run in (Run("ap-1"), Run("ap-2", state="succeeded", started_at=AT, ended_at=AT)):
        site.records.runs = [run]
        assert browser.get(f"/runs/{run.run_id}").status == 200


def test_a_call_tells_who_called_and_who_deployed_and_what_had_a_container(
    site: Site, browser: Browser
) -> None:
    run = whole_run()
    site.records.runs = [
        replace(
            run,
            kind="call",
            launcher=Launcher(("python", "/u/ask.py"), "/u"),
            deployer=Launcher(("modal", "deploy", "app.py"), "/srv"),
            functions=(*run.functions, Function("idle")),
            attempts=run.attempts[1:],
        )
    ]

    page = re.sub("<[^>]+>", "", browser.get(f"/runs/{RUN_ID}").text)

    assert "Called by /u/ask.py in /u" in page
    assert "Deployed by modal deploy app.py in /srv" in page
    assert "idle" not in page
    assert "went on" in page and "running" not in page, "its container served others afterwards"


def test_an_app_that_was_edited_shows_its_versions_apart(site: Site, browser: Browser) -> None:
    run = whole_run()
    (train,), (attempt, _) = run.functions, run.attempts
    older = replace(train, environment=(Variable("MODE", "image: ENV", "old"),), definitions=("de-1",))
    edit = Edit(AT, (SourceFile("/root/<b>.py", "ef" * 32),), ("/root/new.py",))
    site.records.runs = [
        replace(
            run,
            functions=(replace(train, definitions=("de-2",)), older),
            attempts=(replace(attempt, definition_id="de-1"),),
            source=replace(run.source, edits=(edit,)),
        )
    ]

    page = browser.get(f"/runs/{RUN_ID}").text
    newer, _, last = page.partition("train, version 1 of 2")

    assert "Edited 1 time while it ran" in page
    assert "/root/&lt;b&gt;.py" in page and "/root/new.py" in page
    assert "train, version 2 of 2" in newer and "MODE" in last
    assert "set while it ran" in last and "set while it ran" not in newer, "by the container of the first"


def test_a_call_for_a_web_request_says_so(site: Site, browser: Browser) -> None:
    run = whole_run()
    call = replace(run.calls[0], made_in="start<b>")
    site.records.runs = [replace(run, kind="call", launcher=None, calls=(call,))]

    assert "request to the web function <code>start&lt;b&gt;</code>" in browser.get(f"/runs/{RUN_ID}").text


def test_a_damaged_record_s_page_says_so(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(run_id: str) -> Run:
        raise DamagedRecordError(f"runs/{run_id}.json: this record is damaged: cut.")

    monkeypatch.setattr(site.records, "record", damaged)
    for path in (f"/runs/{RUN_ID}", f"/runs/{RUN_ID}/explain?variable=A", f"/compare?a={RUN_ID}&b={RUN_ID}"):
        answer = browser.get(path)
        assert (answer.status, f"runs/{RUN_ID}.json: this record is damaged: cut." in answer.text) == (
            422,
            True,
        )


def test_no_page_is_large(site: Site, browser: Browser) -> None:
    run = whole_run()
    many = replace(
        run,
        attempts=run.attempts * 2000,
        calls=tuple(Call(f"fc-{n}", "f", inputs=1, succeeded=1) for n in range(20_000)),
        folders=run.folders * 5000,
        configs=run.configs * 300,
        counts=run.counts * 5000,
        notes=run.notes * 5000,
        source=replace(run.source, files=run.source.files * 9000),
    )
    site.records.runs = [many]

    page = browser.get(f"/runs/{RUN_ID}").body

    assert len(page) < LARGEST_PAGE
    assert len(browser.get("/").body) < LARGEST_PAGE


def test_headings_are_in_order(browser: Browser) -> None:
    for path in ("/", f"/runs/{RUN_ID}"):
        levels = [int(level) for level in re.findall(r"<h([1-6])", browser.get(path).text)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
