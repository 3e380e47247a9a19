"""Options and steps may be given anything: rules say what they have to, and none of them fails."""

import pytest

from homeport.check import client_api
from tests.support.check import findings_of

ODD = [
    *("None", "True", "...", "-1", "0.5", "10**30", "float('nan')", "float('inf')", "1j", "'x'", "''"),
    *("b'x'", "'\\0'", "'a' * 5000", "[]", "[None]", "[[]]", "()", "{}", "{1: 2}", "{None: [1]}", "{1, 2}"),
    *("Path('x')", "Path('')", "lambda: 1", "object()", "modal", "modal.Retries()", "unknown", "open"),
    *("modal.Secret.from_name('x')", "modal.Retries(max_retries=None, max_delay='x')", "not_there()"),
    *("[modal.gpu.A100(count=2), None]", "*unknown", "'../' * 50 + 'x'", "'~nobody/x'", "'☃.py'"),
]
OPTIONS = sorted({*client_api.OPTIONS["function"], *client_api.GONE_OPTIONS})


def options(value: str) -> str:
    return ", ".join(f"{name}={value}" for name in OPTIONS)


@pytest.mark.parametrize("value", [value for value in ODD if not value.startswith("*")])
def test_a_decorator_is_given_anything(value: str) -> None:
    text = f"""
from pathlib import Path

import modal

app = modal.App("odd")


@app.function({options(value)})
def work(config_path={value}, max_hours={value}):
    import time
    time.sleep({value})


@app.local_entrypoint()
def main(config_path: str = {value}, x: {value} = 1):
    work.remote(config_path, {value})
"""
    findings_of({"app.py": text})
    findings_of({"app.py": text}, run="--detach app.py --config-path x.yaml --x", target="modal")


@pytest.mark.parametrize("value", ODD)
def test_a_step_is_given_anything(value: str) -> None:
    steps = [step for step in client_api.IMAGE if step != "pipe"]
    many = "".join(f".{step}({value}).{step}({value}, {value})" for step in steps)
    named = "".join(
        f".{step}({', '.join(f'{name}={value}' for name in client_api.IMAGE[step] if '*' not in name)})"
        for step in (steps if not value.startswith("*") else ())
    )
    text = f"""
from pathlib import Path

import modal

app = modal.App("odd")


@app.function(image=modal.Image.debian_slim(){many})
def work():
    pass


@app.function(image=modal.Image.debian_slim(){named})
def named():
    pass
"""
    findings_of({"app.py": text})


@pytest.mark.parametrize(
    "arguments",
    [
        "--",
        "-- --",
        "-",
        "--=",
        "--x=",
        "---",
        "'' ''",
        "-- -x",
        "--config-path",
        "--no-",
        "'--config-path= '",
    ],
)
def test_a_command_line_is_anything(arguments: str) -> None:
    text = """
import modal

app = modal.App("odd")


@app.function()
def work(config_path: str = "", flag: bool = False, no_flag: bool = True, _x: int = 1):
    pass
"""
    findings_of({"app.py": text}, run=f"app.py::work {arguments}")


@pytest.mark.parametrize(
    "name", [".", "..", "::", "app.", ".app", "app.app.work", "work.x.y", "work\u2603", "0", "-"]
)
def test_a_function_is_asked_for_by_anything(name: str) -> None:
    text = 'import modal\n\napp = modal.App("odd")\n\n\n@app.function()\ndef work():\n    pass\n'
    findings_of({"app.py": text}, run=f"app.py::{name}")
