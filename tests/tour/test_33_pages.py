"""The run pages: the address that `modal run` prints, and the way in by `homeport ui`."""

import http.cookiejar
import re
import urllib.error
import urllib.request

import pytest

APP = """
    import modal

    app = modal.App("tour-pages")


    @app.function()
    def greet(name: str):
        print(f"hello <{name}>")
    """


@pytest.mark.once_as("root")
def test_the_address_that_modal_run_prints_opens_the_run(modal, homeport, write):
    write("app.py", APP)
    said = modal("run", "app.py::greet", "--name", "Ada").out
    address = re.search(r"http://127\.0\.0\.1:\d+/runs/ap-\w{22}", said.replace("\n", ""))[0]

    assert "homeport ui ap-" in refused(address)

    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
    )
    way_in = homeport("ui", "--print", address.rpartition("/")[2][:8]).out.strip()
    with browser.open(way_in, timeout=30) as answer:
        page = answer.read().decode()
    assert answer.url == address
    assert "tour-pages" in page
    assert "hello &lt;Ada&gt;" in page
    assert "was used before" in refused(way_in)
    with browser.open(address.rpartition("/runs/")[0], timeout=30) as answer:
        assert "tour-pages" in answer.read().decode()


@pytest.mark.once_as("root")
def test_a_run_that_there_is_not_is_said_in_the_terminal(engine, homeport):
    assert "There is no run 'nonsense'" in homeport("ui", "--print", "nonsense", fails=True).err


def refused(address: str) -> str:
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=30)
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 401
            return error.read().decode()
    raise AssertionError("it was let in")
