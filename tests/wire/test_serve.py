"""`modal serve`: an app that follows its file while it is edited."""

import json
import urllib.request

import pytest

from tests.support.commands import interrupt
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once_as("root")

APP = """
    import time

    import modal

    app = modal.App("wire-serve")


    @app.function(schedule=modal.Period(seconds=1))
    def tick():
        print("tick {version}", flush=True)
        return "{version}"


    @app.function()
    @modal.wsgi_app()
    def page():
        def answer(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"page {version}"]

        return answer


    @app.cls(min_containers=1)
    class Model:
        @modal.enter()
        def load(self):
            print("entered {version}; tick is", tick.object_id, flush=True)

        @modal.exit()
        def leave(self):
            print("left {version}", flush=True)

        @modal.method()
        def look(self):
            return "{version}"
    """


def page(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def test_a_served_app_runs_the_file_as_it_is_and_the_last_good_one_where_it_is_broken(modal, python, write):
    write("call.py", "import sys\n\nimport modal\n\nprint(modal.Function.from_id(sys.argv[1]).remote())\n")
    write("app.py", APP.format(version="one"))
    serving = modal.start("serve", "app.py")
    function_id = serving.wait_for("entered one; tick is (fu-.*)", 60)[1]
    serving.wait_for("tick one")
    serving.wait_for("Serving|hit Ctrl-C")
    url = serving.wait_for(r"(http://127.0.0.1:\d+) \(unauthenticated\)")[1]
    assert page(url) == "page one"

    write("app.py", APP.format(version="two"))
    serving.wait_for("entered two", 60)
    serving.wait_for("left one")
    assert python("call.py", function_id).lines == ["two"]
    assert page(url) == "page two"

    write("app.py", "import modal\n\napp = modal.App('wire-serve'\n")
    serving.wait_for("SyntaxError", 60)
    ticks = serving.text.count("tick two")
    wait_until(lambda: serving.text.count("tick two") > ticks, 20)
    assert "left two" not in serving.text

    write("app.py", APP.format(version="three"))
    serving.wait_for("entered three", 60)
    serving.wait_for("left two")

    interrupt(serving)
    assert serving.wait(30) == 0, serving.text
    assert "Traceback" not in serving.text.partition("entered three")[2]
    rows = json.loads(modal("app", "list", "--json").out)
    (state,) = {row["state"] for row in rows if row["description"] == "wire-serve"}
    assert state == "stopped"
    assert not json.loads(modal("container", "list", "--json").out)
    assert "left three" in serving.text
