"""The seizure pipeline on the nine roads of test_fifty_files: 3,734 and 933 files, or one sentence why not.

deploy/modal/app.py is edited for each road as somebody's mistake would; the pipeline itself is as it stands.
"""

import re
import shutil

import pytest

from tests.support.account import REPOSITORY
from tests.support.full_corpus import make_full_corpus

APP = "deploy/modal/app.py"
LEAK = {"BGB_LIMIT_FILES": "50"}
# the full run's configuration but for its size and length, and without the scoring after it
SHORT = (
    "model.preset=tiny,training.steps=2,training.batch_size=2,training.workers=0,evaluation.after_training=[]"
)

pytestmark = [pytest.mark.once_as("user"), pytest.mark.slow, pytest.mark.timeout(600)]

SECRETS = "secrets=wandb_secrets(),"
IMAGE = "image.add_local_dir(ROOT"
NAMED = '\napp = modal.App("seizure")'
BEGIN = "    from seizure.config import"
SHELL = '{name: value for name, value in os.environ.items() if name.startswith("BGB_")}'
SET = 'os.environ["BGB_LIMIT_FILES"] = "50"'
MAIN = (
    '\n\n@app.local_entrypoint()\ndef main(config_path: str = "") -> None:\n    train.remote(config_path)\n'
)
EDITS = {
    "shell": (SECRETS, f"secrets=[modal.Secret.from_dict({SHELL})],"),
    "image": (IMAGE, 'image.env({"BGB_LIMIT_FILES": "50"})\n    .add_local_dir(ROOT'),
    "named secret": (SECRETS, 'secrets=[modal.Secret.from_name("brain-secrets")],'),
    "env=": (SECRETS, f'{SECRETS} env={{"BGB_LIMIT_FILES": "50"}},'),
    "set at import": (NAMED, f'\n{SET}{NAMED}'),
    "earlier run": (BEGIN, f'    if "smoke" in config_path:\n        {SET}\n{BEGIN}'),
}  # fmt: skip
CALL = """
    import sys
    import modal

    modal.Function.from_name("seizure", "train").remote(**dict(word.split("=", 1) for word in sys.argv[1:]))
    """


@pytest.fixture(scope="session")
def full_corpus(account, torch_wheel):
    """4,667 short recordings in TUSZ's layout, that the account can read."""
    folder = account.make_folder(account.base / "tusz-4667")
    make_full_corpus(folder)
    for path in [folder, *folder.rglob("*")]:
        account.own(path)
    return folder


@pytest.fixture
def project(folder, account, homeport, modal):
    """`project("shell", "image")` lays out the pipeline with these leaks in its app."""

    def project(*leaks: str) -> None:
        for part in ("src/seizure", "src/training_kit", "configs", "deploy/modal"):
            without = shutil.ignore_patterns("__pycache__", "homeport.toml")
            shutil.copytree(REPOSITORY / part, folder / part, ignore=without)
        replace(APP, ("max_retries=ATTEMPTS - 1", "max_retries=0"), *(EDITS[leak] for leak in leaks))
        (folder / "configs/after_smoke").mkdir()
        shutil.copy(folder / "configs/tusz_train_a100.yaml", folder / "configs/after_smoke/Smoke_Test.YAML")
        for path in folder.rglob("*"):
            account.own(path)
        if "named secret" in leaks:
            modal("secret", "create", "--force", "brain-secrets", "BGB_LIMIT_FILES=50")

    def replace(name: str, *edits: tuple[str, str]) -> None:
        file = folder / name
        text = file.read_text()
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        file.write_text(text)

    return project


def test_a_full_run_under_all_leaks_at_once_takes_every_file(
    full_corpus, project, homeport, modal, folder, account
):
    homeport("volume", "link", "seizure-data", full_corpus)
    modal("volume", "delete", "--yes", "--allow-missing", "seizure-results")
    project("image", "env=", "set at import")
    app = folder / APP
    both = f'[modal.Secret.from_name("brain-secrets"), modal.Secret.from_dict({SHELL})]'
    app.write_text(app.read_text().replace("secrets=wandb_secrets()", f"secrets={both}"))
    modal("secret", "create", "--force", "brain-secrets", "BGB_LIMIT_FILES=50")
    name = "configs/after_smoke/Smoke_Test.YAML"
    said = modal("run", f"{APP}::train", "--config-path", name, "--set", SHORT, env=LEAK, timeout_s=500)
    assert f"BGB_LIMIT_FILES=50 ignored: {name} is a full run" in said.lines
    assert "[ENV] BGB_LIMIT_FILES: unset" in said.lines
    assert "Loading 3734 train, 933 val files" in said.lines
    assert re.search(r"^\[DATA\] Cache: /results/cache/tusz/", said.out, re.MULTILINE)
    assert re.search(r"^\[DATA\] Processed 3734 train files: 3734 built", said.out, re.MULTILINE)
    assert re.search(r"BGB_LIMIT_FILES +unset +unset \(50 removed\) +ok", said.out)
    assert "verdict: this is the run that was asked for" in said.lines
    assert "[DEBUG]" not in said.out


@pytest.mark.parametrize("leak", [leak for leak in EDITS if leak != "earlier run"])
def test_strict_it_says_why_not(project, modal, leak):
    project(leak)
    said = modal("run", f"{APP}::train", "--set", "strict_env=true", env=LEAK, fails=True, timeout_s=500)
    assert said.out.count(REFUSED) == 1
    assert "Loading" not in said.out


REFUSED = (
    "error: BGB_LIMIT_FILES=50 is set, configs/tusz_train_a100.yaml is a full run and says strict_env: "
    "unset the variable (in the shell, the Secret or the image that sets it), or say strict_env: false"
)


def test_so_it_does_after_a_smoke_run_in_the_same_warm_container(project, modal, python, write):
    project("earlier run")
    write("call.py", CALL)
    modal("deploy", APP, timeout_s=500)
    python("call.py", "config_path=configs/smoke_test.yaml", "set=data.root=nowhere", fails=True)
    python("call.py", "set=strict_env=true", fails=True)
    said = modal("app", "logs", "seizure")
    assert said.out.count(REFUSED) == 1
    modal("app", "stop", "--yes", "seizure")


def test_a_variable_put_in_on_the_way_to_the_training_process_is_refused_there(
    full_corpus, homeport, project, modal, folder
):
    homeport("volume", "link", "seizure-data", full_corpus)
    project()
    child = folder / "src/seizure/launch/child.py"
    child.write_text(
        child.read_text().replace("env=dict(environment)", 'env={**environment, "BGB_LIMIT_FILES": "50"}')
    )
    said = modal("run", f"{APP}::train", fails=True)
    assert (
        "error: BGB_LIMIT_FILES is 50 in the training process, and should be unset for "
        "configs/tusz_train_a100.yaml, a full run: start it by `python -m seizure train "
        "configs/tusz_train_a100.yaml`"
    ) in said.lines
    assert "Loading" not in said.out


def test_a_default_that_is_not_applied_is_said(project, modal, folder):
    project()
    app = folder / APP
    app.write_text(app.read_text() + MAIN)
    said = modal("run", APP, fails=True)
    assert "error: no configuration is named" in said.out
