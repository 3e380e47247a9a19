"""Variables that a function requires: an error where nothing can give them, nothing where something may."""

import pytest

from tests.support.check import findings_of

HEAD = """
import os
import modal

app = modal.App("train")
"""


def said(text: str, **more: object) -> list[str]:
    found = findings_of({"app.py": HEAD + text}, only="HP202", **more)  # type: ignore[arg-type]
    return [finding.severity for finding in found]


def function(options: str, *body: str) -> str:
    lines = "\n    ".join(body)
    return f"""
@app.function({options})
def train(choice: str):
    {lines}
"""


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ("", ('os.environ["DATA"]',)),
        ('secrets=[modal.Secret.from_dict({"OTHER": "1"})]', ('os.environ["DATA"]',)),
        ("", ("with open('/root/app.py') as file:", '    os.environ["DATA"]')),
        ("", ("try:", '    os.environ["DATA"]', "except ValueError:", "    pass")),
    ],
)
def test_what_nothing_gives_is_an_error(options: str, body: tuple[str, ...]) -> None:
    assert said(function(options, *body)) == ["error"]


@pytest.mark.parametrize(
    "body",
    [
        ("if choice:", '    os.environ["DATA"]'),
        ("for _ in choice:", '    os.environ["DATA"]'),
        ("try:", "    import json", "finally:", "    pass", "if choice: return", 'os.environ["DATA"]'),
    ],
)
def test_what_only_some_runs_require_is_a_warning(body: tuple[str, ...]) -> None:
    assert said(function("", *body)) == ["warning"]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ('secrets=[modal.Secret.from_name("my-data")]', ('os.environ["DATA"]',)),
        ('env={"DATA": "3"}', ('os.environ["DATA"]',)),
        ('image=modal.Image.debian_slim().env({"DATA": "3"})', ('os.environ["DATA"]',)),
        ('secrets=[modal.Secret.from_name("any", required_keys=["DATA"])]', ('os.environ["DATA"]',)),
        ("secrets=secrets_of(app)", ('os.environ["DATA"]',)),
        ("", ('os.environ["DATA"] = "1"', 'os.environ["DATA"]')),
        ("", ('os.environ.setdefault("DATA", "1")', 'os.environ["DATA"]')),
        ("", ('os.environ.update(DATA="1")', 'os.environ["DATA"]')),
        ("", ('if "DATA" in os.environ:', '    os.environ["DATA"]')),
        ("", ('if os.environ.get("DATA"):', '    os.environ["DATA"]')),
        ("", ("try:", '    os.environ["DATA"]', "except KeyError:", "    pass")),
        ("", ("try:", '    os.environ["DATA"]', "except Exception:", "    pass")),
        ("", ("import dotenv", "dotenv.load_dotenv()", 'os.environ["DATA"]')),
        ("", ('os.environ["HOME"], os.environ["MODAL_TASK_ID"], os.environ["LOCAL_RANK"]',)),
        ("", ("os.environ[choice]",)),
        ("", ('os.environ |= {"DATA": "1"}', 'os.environ["DATA"]')),
        ("", ("import contextlib", "with contextlib.suppress(KeyError):", '    os.environ["DATA"]')),
        ("", ("try:", '    os.environ["DATA"]', "except:", "    pass")),
    ],
)
def test_what_may_be_there_is_not_said(options: str, body: tuple[str, ...]) -> None:
    assert said(function(options, *body)) == []


def test_what_only_a_secret_of_the_server_can_give_cannot_be_proved() -> None:
    assert said(function('secrets=[modal.Secret.from_name("any")]', 'os.environ["DATA"]')) == ["note"]


def test_an_image_with_variables_that_nobody_sees_makes_it_a_warning() -> None:
    image = 'image=modal.Image.from_registry("nvidia/cuda:12.4.0-devel-ubuntu22.04", add_python="3.11")'
    assert said(function(image, 'os.environ["CUDA_VERSION"]')) == ["warning"]


def test_a_secret_made_at_the_top_has_to_be_given_to_every_function() -> None:
    text = (
        'token = modal.Secret.from_dict({"HF_TOKEN": os.environ["HF_TOKEN"]})\n'
        + function("secrets=[token]", "pass")
        + function("", "pass").replace("train", "evaluate")
    )
    (finding,) = findings_of({"app.py": HEAD + text}, only="HP202", variables=("HF_TOKEN",))
    assert (finding.severity, finding.function) == ("error", "evaluate")
    assert finding.fix == "Give evaluate the Secret that train has."


def test_the_same_where_it_is_made_on_the_launcher_only() -> None:
    text = """
if modal.is_local():
    token = modal.Secret.from_dict({"HF_TOKEN": os.environ["HF_TOKEN"]})
else:
    token = modal.Secret.from_dict({})
"""
    assert said(text + function("", "pass"), variables=("HF_TOKEN",)) == []


def test_what_the_file_requires_of_a_shell_that_has_it_not_is_a_warning() -> None:
    text = 'token = modal.Secret.from_dict({"HF_TOKEN": os.environ["HF_TOKEN"]})\n'
    assert said(text + function("secrets=[token]", "pass")) == ["warning"]
    assert said(text + function("secrets=[token]", "pass"), variables=("HF_TOKEN",)) == []


def test_what_a_helper_of_the_launcher_requires_is_not_the_containers() -> None:
    text = """
def upload():
    print(os.environ["AWS_PROFILE"])

@app.local_entrypoint()
def main():
    upload()
"""
    assert said(text + function("", "pass"), variables=("AWS_PROFILE",)) == []


CHILD = {"run.py": 'import os\nprint(os.environ["DATA"])\n'}
SHIPPED = 'image=modal.Image.debian_slim().add_local_file("run.py", "/root/run.py")'


def said_of_child(*body: str) -> list[str]:
    app = HEAD + "import subprocess\n" + function(SHIPPED, *body)
    return [finding.severity for finding in findings_of({"app.py": app, **CHILD}, only="HP202")]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('subprocess.run(["python", "/root/run.py"], check=True)', ["error"]),
        ('subprocess.check_call(["python", "/root/run.py"])', ["error"]),
        ('subprocess.run(["python", "/root/run.py"])', ["warning"]),
        ('subprocess.run(["python", "/root/run.py"], env=os.environ, check=True)', ["error"]),
        ('subprocess.run(["python", "/root/run.py"], env={**os.environ, "DATA": "1"}, check=True)', []),
        ('subprocess.run(["python", "/root/run.py"], env=made(choice), check=True)', []),
        ('subprocess.run(["env", "DATA=1", "python", "/root/run.py"], check=True)', []),
        ('subprocess.run("DATA=1 python /root/run.py", shell=True, check=True)', []),
    ],
)
def test_what_a_child_process_requires(command: str, expected: list[str]) -> None:
    assert said_of_child(command) == expected


def test_what_the_function_sets_for_its_child_is_there() -> None:
    assert said_of_child('os.environ["DATA"] = "1"', 'subprocess.run(["python", "/root/run.py"])') == []


def test_a_function_that_may_be_given_more_when_it_is_called() -> None:
    more = """
@app.local_entrypoint()
def main():
    train.with_options(secrets=[modal.Secret.from_dict({"DATA": "1"})]).remote("x")
"""
    assert said(function("", 'os.environ["DATA"]') + more) == ["warning"]


def test_what_the_build_of_the_image_requires_is_not_the_containers() -> None:
    text = """
def download():
    print(os.environ["HF_TOKEN"])

image = modal.Image.debian_slim().run_function(download, secrets=[modal.Secret.from_name("hf")])
"""
    assert said(text + function("image=image", "pass")) == []


def test_what_several_functions_require_is_said_once_of_all() -> None:
    text = (
        'DATA = os.environ["DATA"]\n'
        + function("", "pass")
        + function("", "pass").replace("train", "evaluate")
    )
    (finding,) = findings_of({"app.py": HEAD + text}, only="HP202", variables=("DATA",))
    assert "is required in the container of train and evaluate, and nothing gives it" in finding.message
