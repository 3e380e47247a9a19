"""The cats pipelines as Modal apps: each command of their README, as it is typed at the repository's root.

The same commands go to Modal's cloud. Smoke runs draw their pictures themselves.
"""

import pytest

from tests.support.account import REPOSITORY

pytestmark = [pytest.mark.once_as("root"), pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("app", ["src/train.py", "src/train_dit.py"])
def test_every_module_of_the_training_can_be_imported_in_the_container(torch_wheel, modal, app):
    said = modal("run", f"{app}::check_imports", cwd=REPOSITORY, timeout_s=300)
    assert "every module of the training can be imported" in said.lines
    assert "tiny_cats.dit: /root/tiny_cats/dit.py" in said.lines
    assert "training_kit.files: /root/training_kit/files.py" in said.lines


@pytest.mark.parametrize("app", ["src/train.py", "src/train_dit.py"])
def test_help_shows_the_options_and_starts_nothing(modal, app):
    said = modal("run", app, "--help", cwd=REPOSITORY)
    assert "--config-path TEXT" in said.out and "--resume" in said.out
