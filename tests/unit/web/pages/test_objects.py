"""Pages of apps, images, containers and secrets."""

import pytest
from modal_proto import api_pb2

from tests.unit.web.pages.browsing import Browser, Site


def test_secrets_show_keys_and_no_value(site: Site, browser: Browser) -> None:
    site.secrets.create("main", "brain", {"WANDB_API_KEY": "hush-hush", "<b>": "x"})

    page = browser.get("/secrets").text

    assert "WANDB_API_KEY" in page
    assert "&lt;b&gt;" in page
    assert "hush-hush" not in page


def test_apps_and_one_app(site: Site, browser: Browser) -> None:
    row = site.apps.get_or_create("main", "nightly<i>", create=True)

    listed, page = browser.get("/apps"), browser.get(f"/apps/{row['app_id']}")

    assert "nightly&lt;i&gt;" in listed.text
    assert "deployed" in listed.text
    assert page.status == 200
    assert "It was not published yet" in page.text
    assert row["state"] == api_pb2.APP_STATE_DEPLOYED


def test_an_unknown_app_is_said(browser: Browser) -> None:
    assert browser.get("/apps/ap-nothing").status == 404


@pytest.mark.parametrize("path", ["/apps", "/volumes", "/images", "/containers", "/secrets"])
def test_empty_pages_say_so(browser: Browser, path: str) -> None:
    answer = browser.get(path)

    assert answer.status == 200
    assert 'class="empty"' in answer.text
    assert f'href="{path}" aria-current="page"' in answer.text
