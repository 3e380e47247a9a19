"""The pages in a real browser: accessibility by axe in both colour schemes, keyboard, and the live parts."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from homeport.record.run import Run
from tests.support.chromium import chromium
from tests.unit.web.pages.browsing import Site
from tests.unit.web.pages.made_runs import RUN_ID, many_runs, whole_run
from tests.unit.web.pages.serving import link, served

LIVE = f"ap-{2:022d}"
PATHS = (
    "/",
    "/?q=nothing+of+it",
    f"/runs/{RUN_ID}",
    f"/runs/{LIVE}",
    f"/runs/{LIVE}/stop",
    f"/runs/{RUN_ID}/rerun",
    f"/runs/{RUN_ID}/explain?variable=BGB_LIMIT_FILES",
    f"/compare?a={RUN_ID}&b={LIVE}",
    "/runs/ap-nothing",
    "/apps",
    "/volumes",
    "/volumes/results",
    "/volumes/results/rows.csv",
    "/volumes/results/picture.svg",
    "/volumes/results/report.html",
    "/volumes/results/notes.txt",
    "/images",
    "/containers",
    "/secrets",
)
FILES = {
    "rows.csv": "name,value\na,1\nb,2\n",
    "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M0 0h9v9z'/></svg>",
    "report.html": "<html lang=en><title>Report</title><h1>Report</h1><p>All is well.",
    "evil.html": "<title>still</title><script>document.title = 'ran'</script>",
    "notes.txt": "one\ntwo\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    folder = tmp_path_factory.mktemp("results")
    for name, text in FILES.items():
        (folder / name).write_text(text)

    def build() -> Site:
        site = Site(tmp_path_factory.mktemp("site"), [whole_run(), *many_runs(60)])
        site.volumes.names.link("main", "results", folder, is_writable=False)
        site.secrets.create("main", "brain", {"WANDB_API_KEY": "x"})
        site.apps.get_or_create("main", "nightly", create=True)
        return site

    with served(build) as found:
        yield found


@pytest.fixture(scope="module")
def program() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(program: Browser, site: tuple[Site, str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that was let in. The test fails where the browser complains, such as of the policy."""
    scheme = request.getfixturevalue("scheme") if "scheme" in request.fixturenames else "light"
    context = program.new_context(
        base_url=site[1], color_scheme=scheme, viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(link(site[1], "/"))
    yield page
    context.close()
    expected = ("404", "401", "the 'allow-scripts' permission is not set")
    assert [text for text in complaints if not any(each in text for each in expected)] == []


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(page: Page, scheme: str, path: str) -> None:
    page.goto(path)
    for details in page.query_selector_all("details"):
        details.evaluate("element => element.open = true")

    found = Axe().run(page)["violations"]

    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


@pytest.mark.parametrize("path", PATHS)
def test_narrow_screens_scroll_down_only(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(path)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("number 7")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=number"))
    page.locator("tbody th a").first.focus()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/runs/"))
    assert page.locator("h1").inner_text().startswith("app-")


def test_pictures_and_reports_are_shown(page: Page) -> None:
    page.goto("/volumes/results/picture.svg")
    assert page.evaluate("document.querySelector('.picture img').naturalWidth") > 0
    page.goto("/volumes/results/report.html")
    assert page.frame_locator("iframe").locator("h1").inner_text() == "Report"


def test_a_report_s_script_does_not_run(page: Page, site: tuple[Site, str]) -> None:
    page.goto("/volumes/results/evil.html?raw=1")

    assert page.title() == "still"


def test_a_run_is_stopped_only_after_a_question(page: Page) -> None:
    page.goto(f"/runs/{LIVE}")
    page.get_by_role("link", name="Stop").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Stop app-2?"
    page.get_by_role("button", name="Stop it").click()
    # there is no such app in this home: what matters is that the form was taken
    assert "does not exist" in page.locator("main").inner_text()


def test_a_live_run_s_page_follows_it(page: Page, site: tuple[Site, str]) -> None:
    live = replace(whole_run("ap-" + "z" * 22), state="running", ended_at=0.0, contract=None, outcome="")
    runs: list[Run] = site[0].records.runs
    runs.insert(0, live)
    page.goto(f"/runs/{live.run_id}")
    assert page.locator(".violation").count() == 0

    runs[0] = replace(whole_run(live.run_id), outcome="stopped by its contract")

    page.wait_for_selector(".violation", timeout=15_000)
    page.locator("#announce", has_text="failed").wait_for(state="attached", timeout=15_000)
    assert page.locator("#announce").get_attribute("role") == "status"


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent"))
