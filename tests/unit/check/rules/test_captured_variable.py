"""Variables of the launcher's shell that come into a run: said by how much they decide."""

from homeport.check.findings import Finding
from tests.support.check import findings_of

HEAD = """
import os
import modal

app = modal.App("train")
"""


def said(text: str, **more: object) -> list[Finding]:
    return findings_of({"app.py": HEAD + text, "train.py": TRAIN}, only="HP201", **more)  # type: ignore[arg-type]


TRAIN = """
import os

limit = os.environ.get("LIMIT_FILES")
"""


def function(options: str, body: str = "pass") -> str:
    return f"""
@app.function({options})
def train():
    {body}
"""


def test_a_variable_that_the_code_reads_is_named_with_the_place() -> None:
    (found,) = said(
        'settings = modal.Secret.from_dict({"LIMIT_FILES": os.environ.get("LIMIT_FILES", "")})\n'
        'image = modal.Image.debian_slim().add_local_python_source("train")'
        + function("image=image, secrets=[settings]", "import train")
    )
    assert found.severity == "warning"
    assert "LIMIT_FILES, which train.py:3 reads," in found.message
    assert found.site.line == 5


def test_a_loop_over_the_environment_names_what_is_exported_and_read() -> None:
    settings = """
settings = modal.Secret.from_dict({n: v for n, v in os.environ.items() if n.startswith(("WANDB_", "BGB_"))})
"""
    body = 'os.environ.get("MNE_LOG"); os.environ.get("BGB_SEED"); os.environ.get("BGB_LIMIT")'
    text = settings + function("secrets=[settings]", body)
    (found,) = said(text, variables=("BGB_LIMIT", "MNE_LOG"))
    assert found.severity == "warning"
    assert "such as BGB_LIMIT, which this shell exports and app.py:10 reads:" in found.message
    (found,) = said(text)
    assert "such as BGB_SEED, which app.py:10 reads:" in found.message


def test_a_token_in_a_secret_is_a_note_and_in_an_image_a_warning() -> None:
    token = '{"WANDB_API_KEY": os.environ["WANDB_API_KEY"]}'
    (note,) = said(function(f"secrets=[modal.Secret.from_dict({token})]"))
    (warning,) = said(function(f"image=modal.Image.debian_slim().env({token})"))
    assert (note.severity, warning.severity) == ("note", "warning")
    assert "image" in warning.message


def test_a_token_by_its_name_is_not_said() -> None:
    assert not said(function('secrets=[modal.Secret.from_local_environ(["HF_TOKEN"])]'))


def test_a_setting_by_its_name_is_a_note() -> None:
    (found,) = said(function('secrets=[modal.Secret.from_local_environ(["LIMIT_FILES"])]'))
    assert found.severity == "note"


def test_a_variable_that_the_app_itself_is_made_by_is_a_note() -> None:
    top = 'GPU = os.environ.get("GPU", "T4")\n'
    (found,) = said(top + function('gpu=GPU, env={"GPU": GPU}', 'print(os.environ["GPU"])'))
    assert found.severity == "note"


def test_env_of_the_function() -> None:
    (found,) = said(function('env={"SEED": os.getenv("SEED", "0")}'))
    assert found.severity == "warning" and "env=" in found.message


def test_what_is_only_used_to_make_the_app_is_not_captured() -> None:
    assert not said(
        function('gpu=os.environ.get("GPU", "A100"), timeout=int(os.environ.get("HOURS", "1")) * 3600')
    )


def test_one_secret_of_two_functions_is_said_once() -> None:
    secret = 'settings = modal.Secret.from_dict({"SEED": os.environ.get("SEED", "")})\n'
    other = function("secrets=[settings]").replace("train", "evaluate")
    assert len(said(secret + function("secrets=[settings]") + other)) == 1
