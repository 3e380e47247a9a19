"""What a run holds is text wherever a page shows it, whatever it is."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.web.pages.browsing import Browser, Site
from tests.unit.web.pages.made_runs import RUN_ID, whole_run

SIGNS = st.text(alphabet="<>&\"'/=;(){}[]%` \n\t\\\x00\u2028ab-!", max_size=12)


@given(before=SIGNS, after=SIGNS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_markup_in_any_field_stays_text(before: str, after: str) -> None:
    text = f"{before}<script>alert(1)</script><img src=x onerror=alert(1)>{after}\"'><b id=injected>"
    with TemporaryDirectory() as folder:
        site = Site(Path(folder), [])
        app_id = site.apps.get_or_create("main", "printing", create=True)["app_id"]
        site.logs.system(app_id, "", text)
        run = replace(whole_run(app_id, text=text), app_id=app_id)
        site.records.runs = [run, whole_run(text=text[::-1])]
        site.records.sentences = [text]
        browser = Browser(site)
        browser.enter()
        pages = [
            browser.get(path).text
            for path in ("/", f"/runs/{app_id}", *(each + quote(text) for each in asked(app_id)))
        ]
        parts = json.loads(browser.get(f"/runs/{RUN_ID}/live?parts=").body)["parts"]
        pages += [html for _, html in parts.values()]  # what the script puts in as markup
        site.close()

    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<b id=injected>" not in page
        assert "onerror=alert" not in page.replace("&lt;img src=x onerror=alert", "")
    assert "</time><span>" in pages[1]
    for page in pages[:7]:
        assert "&lt;script&gt;alert(1)" in page


def asked(app_id: str) -> tuple[str, ...]:
    """Pages that show what was asked for."""
    return (
        f"/runs/{app_id}?q=",
        f"/runs/{app_id}/explain?variable=",
        f"/runs/{app_id}/explain?argument=",
        f"/runs/{app_id}/explain?file=",
        f"/compare?a={RUN_ID}&b={app_id}&c=",
        f"/runs/{app_id}/rerun?c=",
    )
