"""Who may see the pages: with a one-time link, from this machine, and only from the pages themselves."""

import pytest

from homeport.web.pages.door import CODE_VALID_S, SESSION_VALID_S, Door, is_local_host
from tests.unit.web.pages.browsing import HOST, Browser, Site
from tests.unit.web.pages.made_runs import RUN_ID

PAGES = (
    "/",
    *(f"/runs/{RUN_ID}{part}" for part in ("", "/live", "/log.txt", "/stop")),
    *("/apps", "/volumes", "/volumes/results/a.txt?raw=1", "/images", "/containers", "/secrets", "/nothing"),
)
FOREIGN = ("evil.example", "evil.example:7438", "127.0.0.1.evil.example", "", "localhost.evil")


@pytest.mark.parametrize("path", PAGES)
def test_without_the_cookie_a_page_names_the_command_that_opens_it(site: Site, path: str) -> None:
    answer = Browser(site).get(path)

    assert answer.status == 401
    assert "homeport ui" in answer.text
    assert "fifty-files" not in answer.text


def test_a_run_s_address_names_the_command_for_that_run(site: Site) -> None:
    assert f"homeport ui {RUN_ID}" in Browser(site).get(f"/runs/{RUN_ID}").text


def test_a_link_is_good_once(site: Site) -> None:
    browser = Browser(site)
    link = browser.link("/runs/latest")

    first, second = browser.get(link), browser.get(link)

    assert (first.status, first.headers["location"]) == (303, "/runs/latest")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "samesite=strict" in first.headers["set-cookie"].lower()
    assert second.status == 401
    assert "set-cookie" not in second.headers


def test_a_link_is_good_for_a_minute() -> None:
    moment = [1000.0]
    door = Door("ak", "as", now=lambda: moment[0])
    early, late = door.issue_code("/a"), door.issue_code("/b")

    moment[0] += CODE_VALID_S - 1
    assert door.take_code(early) == "/a"
    moment[0] += 2
    assert door.take_code(late) is None


def test_only_the_token_s_holder_gets_a_link(site: Site) -> None:
    headers = {"x-modal-token-id": "ak-test", "x-modal-token-secret": "wrong"}

    answer = Browser(site).ask("POST", "/homeport/pages/login", headers, b'{"path": "/"}')

    assert answer.status == 403


@pytest.mark.parametrize("path", ["//elsewhere.example/", "https://elsewhere.example/", "/a\nb", "/a\\b"])
def test_a_link_leads_to_no_other_site(site: Site, path: str) -> None:
    with pytest.raises(AssertionError, match="no address of a page"):
        Browser(site).link(path)


def test_a_session_is_of_one_engine_and_ends() -> None:
    moment = [1000.0]
    door = Door("ak", "as", now=lambda: moment[0])
    session = door.issue_session()

    assert door.knows(session)
    assert Door("ak", "as", now=lambda: moment[0]).knows(session)  # started again
    assert not Door("ak", "other", now=lambda: moment[0]).knows(session)
    later = str(int(moment[0] + 2 * SESSION_VALID_S))
    assert not door.knows(f"{later}-{session.partition('-')[2]}")
    assert not door.knows("")
    moment[0] += SESSION_VALID_S + 1
    assert not door.knows(session)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_refused_even_with_the_cookie(browser: Browser, host: str) -> None:
    answer = browser.get("/", host=host)

    assert answer.status == 403
    assert "this machine" in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7438", "[::1]:7438", "homeport.localhost:7438"])
def test_this_machine_s_names_are_local(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:9999", "sec_fetch_site": "same-site"},
        {"origin": "null", "sec_fetch_site": "same-origin"},
        {"origin": f"https://{HOST}", "sec_fetch_site": "same-origin"},
        {"origin": "", "sec_fetch_site": ""},
        {"origin": f"http://{HOST}", "sec_fetch_site": "none"},
    ],
)
def test_a_post_from_elsewhere_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    form = browser.get(f"/runs/{running(browser)}/stop").text

    # the token is right: it is the origin that is not
    answer = browser.post(f"/runs/{running(browser)}/stop", {"token": token_of(form)}, **headers)

    assert answer.status == 403
    assert "did not come from a page" in answer.text


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_post_without_the_form_s_token_is_refused(browser: Browser, token: str) -> None:
    answer = browser.post(f"/runs/{running(browser)}/stop", {"token": token})

    assert answer.status == 403
    assert "another session" in answer.text


def test_every_answer_is_strict(site: Site, browser: Browser) -> None:
    for answer in (browser.get("/"), browser.get("/static/style.css"), Browser(site).get("/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_pages_name_nothing_outside(browser: Browser) -> None:
    for path in ("/", f"/runs/{RUN_ID}", "/static/style.css", "/static/live.js"):
        assert "//" not in browser.get(path).text.replace("http://www.w3.org", "").replace("// ", "")


def running(browser: Browser) -> str:
    return next(run.run_id for run in browser.site.records.runs if run.state == "running")


def token_of(page: str) -> str:
    return page.partition('name="token" value="')[2].partition('"')[0]
