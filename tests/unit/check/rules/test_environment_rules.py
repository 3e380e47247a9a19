"""Variables that stay in the shell, environments that are handed on whole, Secrets by name and by value."""

import tempfile
from pathlib import Path

import pytest

from homeport.check.findings import Finding
from homeport.check.redaction import redacted
from homeport.check.rendering import github, json_report, sarif, text
from homeport.check.rendering.places import Places
from tests.support.check import check, findings_of

HEAD = """
import os, subprocess
import modal

app = modal.App("train")
"""
TOKEN = "hf_" + "aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5z"


def said(code: str, body: str, *, top: str = "", options: str = "", **more: object) -> list[Finding]:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    text = f"{HEAD}{top}\n@app.function({options})\ndef train(smoke: str = None, run=os):\n{lines}\n"
    return findings_of({"app.py": text}, only=code, **more)  # type: ignore[arg-type]


def severities(found: list[Finding]) -> list[str]:
    return [finding.severity for finding in found]


# HP203: exported, read, not handed over


@pytest.mark.parametrize(
    "read", ['os.environ.get("LIMIT")', 'os.getenv("LIMIT", "0")', '"LIMIT" in os.environ']
)
def test_an_exported_variable_that_does_not_get_there(read: str) -> None:
    assert severities(said("HP203", f"print({read})", variables=("LIMIT",))) == ["warning"]
    assert said("HP203", f"print({read})") == []


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ('env={"LIMIT": "1"}', 'os.environ.get("LIMIT")'),
        ('secrets=[modal.Secret.from_local_environ(["LIMIT"])]', 'os.environ.get("LIMIT")'),
        ("", 'os.environ["LIMIT"] = "1"\nos.environ.get("LIMIT")'),
        ("", 'if modal.is_local():\n    os.environ.get("LIMIT")'),
    ],
)
def test_what_is_handed_over_or_set_is_not_said(options: str, body: str) -> None:
    assert said("HP203", body, options=options, variables=("LIMIT",)) == []


def test_what_every_shell_has_is_not_said() -> None:
    assert said("HP203", 'os.environ.get("HOME"), os.environ.get("CI")', variables=("HOME", "CI")) == []


def test_a_global_of_the_file_is_said_where_the_function_goes_by_it() -> None:
    top = 'COUNT = int(os.environ.get("COUNT", "1"))'
    used = said("HP203", "print(COUNT)", top=top, options='gpu=f"T4:{COUNT}"', variables=("COUNT",))
    assert severities(used) == ["warning"] and "COUNT, which is made of it" in used[0].message
    assert said("HP203", "pass", top=top, options='gpu=f"T4:{COUNT}"', variables=("COUNT",)) == []


# HP205: environments that child processes get whole


@pytest.mark.parametrize(
    "body",
    [
        'if run:\n    os.environ["LIMIT"] = "50"\nsubprocess.run(["env"])',
        'if run:\n    os.environ.update(LIMIT="50")\nsubprocess.Popen(["env"], env=os.environ)',
        'if run:\n    pass\nelse:\n    os.environ.pop("LIMIT", None)\nos.system("env")',
    ],
)
def test_a_change_of_os_environ_in_one_branch_is_a_warning(body: str) -> None:
    (found,) = said("HP205", body)
    assert found.severity == "warning" and "next call" in found.message


COPY = 'env = os.environ.copy()\nif run:\n    env["LIMIT"] = "50"\nsubprocess.run(["env"], env=env)'


def test_a_change_of_a_copy_is_a_warning_where_something_else_may_give_the_variable() -> None:
    assert severities(said("HP205", COPY)) == ["note"]
    assert severities(said("HP205", COPY, options='env={"LIMIT": "3"}')) == ["warning"]
    assert severities(said("HP205", COPY, options='secrets=[modal.Secret.from_name("s")]')) == ["note"]


@pytest.mark.parametrize(
    "body",
    [
        COPY.replace("subprocess", 'else:\n    env.pop("LIMIT", None)\nsubprocess'),
        COPY.replace("if run", 'env.pop("LIMIT", None)\nif run'),
        COPY.replace("if run", 'if "LIMIT" not in env'),
        COPY.replace("os.environ.copy()", '{"PATH": os.environ["PATH"]}'),
        'env = os.environ.copy()\nenv["PYTHONUNBUFFERED"] = "1"\nsubprocess.run(["env"], env=env)',
        'env = {**os.environ, "OMP_NUM_THREADS": "1"}\nsubprocess.run(["env"], env=env)',
        'subprocess.run(["env"], env=os.environ)',
        'if run:\n    os.environ["LIMIT"] = "50"',
    ],
)
def test_changes_in_every_case_and_settings_of_libraries_are_not_said(body: str) -> None:
    assert said("HP205", body) == []


@pytest.mark.parametrize(
    "copy", ['{**os.environ, "LIMIT": "50"}', 'dict(os.environ, LIMIT="50")', 'os.environ | {"LIMIT": "50"}']
)
def test_a_change_in_every_case_is_a_note(copy: str) -> None:
    assert severities(said("HP205", f'env = {copy}\nsubprocess.run(["env"], env=env)')) == ["note"]


# HP206: Secrets that the server has not


def test_a_secret_that_the_server_has_not() -> None:
    options = 'secrets=[modal.Secret.from_name("wandb-secrets", required_keys=["WANDB_API_KEY"])]'
    (found,) = said("HP206", "pass", options=options, secrets=("wandb-secret", "other"))
    assert found.severity == "error" and found.others == ("Use 'wandb-secret', which there is.",)
    assert "homeport modal secret create wandb-secrets WANDB_API_KEY=…" in found.fix
    assert said("HP206", "pass", options=options, secrets=("wandb-secrets",)) == []
    assert said("HP206", "pass", options=options) == []  # what the server has is not known


def test_secrets_of_other_environments_and_of_names_that_are_not_known_are_left_alone() -> None:
    for secret in ('modal.Secret.from_name("a", environment_name="dev")', "modal.Secret.from_name(run())"):
        assert said("HP206", "pass", options=f"secrets=[{secret}]", secrets=()) == []


# HP207: values in the source


@pytest.mark.parametrize(
    "top",
    [
        f'secret = modal.Secret.from_dict({{"HF_TOKEN": "{TOKEN}"}})',
        f'image = modal.Image.debian_slim().env({{"X": "{TOKEN}"}})',
        f'os.environ["HF_TOKEN"] = "{TOKEN}"',
        f'login(token="{TOKEN}")',
        f'HUB = os.environ.get("HF_TOKEN", "{TOKEN}")',
        'API_KEY: str = "9f3c1d7be02a45586c1e77d2ab90f4c3e6581d07"',
        'config = {"db_password": "corvette-64"}',
        'key = "AKIA" "Q7WERTY5UIOP3ASD"',
    ],
)
def test_a_value_in_the_source_is_a_warning_that_does_not_show_it(top: str) -> None:
    found = said("HP207", "pass", top=top)
    assert severities(found) == ["warning"]
    assert TOKEN not in str(found) and "corvette" not in str(found) and "9f3c1d" not in str(found)


@pytest.mark.parametrize(
    "top",
    [
        'secret = modal.Secret.from_dict({"HF_TOKEN": "your-token-here"})',
        'secret = modal.Secret.from_dict({"HF_TOKEN": "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})',
        'secret = modal.Secret.from_dict({"HF_TOKEN": os.environ["HF_TOKEN"]})',
        'secret = modal.Secret.from_dict({"PASSWORD": ""})',
        'CONFIG_KEY = "experiment_2024_full_run_12"',
        'CHECKSUM = "9f3c1d7be02a45586c1e77d2ab90f4c3e6581d07"',
        'tokenizer = "meta-llama/Llama-3-8B-Instruct-v2.1"',
        'print("sk-learn-contrib is a package of its own")',
    ],
)
def test_placeholders_names_and_checksums_are_not_said(top: str) -> None:
    assert said("HP207", "pass", top=top) == []


def test_values_are_hidden_in_what_is_shown_of_the_source() -> None:
    line = f'x = {{"HF_TOKEN": "{TOKEN}", "password": "corvette-64"}}'
    assert TOKEN not in redacted(line) and "corvette" not in redacted(line)
    assert len(redacted(line)) == len(line)
    assert redacted('epochs = "twelve epochs of 40 steps"') == 'epochs = "twelve epochs of 40 steps"'


def test_no_form_of_the_report_shows_a_value() -> None:
    """Another rule's finding may stand in the line, or quote what is in it."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\n-----END PRIVATE KEY-----"
    source = f'''{HEAD}
PEM = """{key}"""

@app.function()
def train(config_path: str):
    if config_path == "{TOKEN}": os.environ["A"] = "1"
    subprocess.run(["env"])
'''
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        (folder / "app.py").write_text(source)
        result = check(folder, "app.py")
    places = Places(result.reports, folder)
    said = [form.render(result, places) for form in (text, json_report, sarif, github)]
    assert "HP205" in said[0] and "HP207" in said[0]
    for form in said:
        assert TOKEN not in form and "MIIEvQ" not in form
