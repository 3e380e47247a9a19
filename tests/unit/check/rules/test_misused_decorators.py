"""HP413 says of a file what the client does where it imports the file."""

import pytest

from tests.support.check import findings_of

HEAD = "import modal\napp = modal.App('a')\n"
METHOD = "    @modal.method()\n    def m(self): pass\n"
REFUSED = {
    "a function's": "@app.function\ndef f(): pass\n",
    "a class's": "@app.cls\nclass A:\n" + METHOD,
    "an entry point's": "@app.local_entrypoint\ndef f(): pass\n",
    "a method's": "@app.cls()\nclass A:\n    @modal.method\n    def m(self): pass\n",
    "a base class's method's": "class A:\n    @modal.enter\n    def m(self): pass\n",
    "a server's": "@app.function()\n@modal.asgi_app\ndef f(): pass\n",
    "one with arguments": "@app.function()\n@modal.web_server\ndef f(): pass\n",
    "by a name of its own": "from modal import method as m\nclass A:\n    @m\n    def f(self): ...\n",
    "a function's of a class": "@app.function()\nclass A: pass\n",
    "a class's of a function": "@app.cls()\ndef f(): pass\n",
    "order": "@modal.concurrent(max_inputs=3)\n@app.function()\ndef f(): pass\n",
    "a constructor": "@app.cls()\nclass A:\n    def __init__(self, n): pass\n" + METHOD,
    "annotations as texts": "@app.cls()\nclass A:\n    n: int = modal.parameter(default=1)\n" + METHOD,
    "an annotation as text": "@app.cls()\nclass A:\n    n: 'int' = modal.parameter(default=1)\n" + METHOD,
    "float": "@app.cls()\nclass A:\n    n: float = modal.parameter(default=1.0)\n" + METHOD,
    "list": "@app.cls()\nclass A:\n    n: list[int] = modal.parameter()\n" + METHOD,
    "optional": "@app.cls()\nclass A:\n    n: int | None = modal.parameter(default=None)\n" + METHOD,
    "no annotation": "@app.cls()\nclass A:\n    n = modal.parameter(default=1)\n" + METHOD,
}
TAKEN = {
    "called": "@app.function()\n@modal.concurrent(max_inputs=3)\ndef f(): pass\n",
    "a class": "@app.cls()\nclass A:\n    n: int = modal.parameter(default=1)\n" + METHOD,
    "bytes": "@app.cls()\nclass A:\n    n: bytes = modal.parameter()\n" + METHOD,
    "no parameter": "@app.cls()\nclass A:\n    n: list[int] = modal.parameter(init=False)\n" + METHOD,
    "another class": "class A:\n    def __init__(self, n): pass\n",
    "another decorator": "class A:\n    function = staticmethod(lambda f: f)\n@A.function\ndef f(): ...\n",
}


def source(name: str, body: str) -> str:
    return ("from __future__ import annotations\n" if name == "annotations as texts" else "") + HEAD + body


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_client_refuses_is_an_error(name: str) -> None:
    text = source(name, REFUSED[name])
    with pytest.raises(Exception):  # noqa: B017 (the client's own errors are of many kinds)
        exec(compile(text, "app.py", "exec", dont_inherit=True), {"__name__": "app"})
    assert [(one.code, one.severity) for one in findings_of({"app.py": text})] == [("HP413", "error")]


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_client_takes_is_none(name: str) -> None:
    text = source(name, TAKEN[name])
    exec(compile(text, "app.py", "exec", dont_inherit=True), {"__name__": "app"})
    assert not [one for one in findings_of({"app.py": text}) if one.code == "HP413"]
