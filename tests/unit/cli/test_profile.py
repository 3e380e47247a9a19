"""The profile in Modal's configuration file: what activate does, deactivate undoes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from homeport.cli import profile
from homeport.cli.service import Token
from homeport.model.errors import FailedPreconditionError

TOKEN = Token("ak-home", "as-home")
URL = "http://127.0.0.1:7437"
CLOUD = """# my accounts
[work]
token_id = "ak-1"   # the team's
token_secret = "as-1"
active = true       # since May

["my own"]
token_id = "ak-2"
token_secret = "as-2"
"""


def test_the_profile_becomes_the_active_one_and_the_others_stay() -> None:
    change = profile.add(CLOUD, TOKEN, URL)
    profiles = tomllib.loads(change.text)
    assert [name for name, values in profiles.items() if values.get("active") is True] == ["homeport"]
    assert profiles["homeport"]["server_url"] == URL
    assert profiles["homeport"]["token_secret"] == "as-home"
    assert profiles["my own"] == {"token_id": "ak-2", "token_secret": "as-2"}
    assert "# the team's" in change.text
    assert change.other == "work"


@pytest.mark.parametrize(
    "text",
    [CLOUD, "", '[default]\ntoken_id = "ak-1"\n', CLOUD.replace("\n", "\r\n"), "[a]\nactive=true\n[b]\n"],
)
def test_remove_gives_back_the_very_same_file(text: str) -> None:
    change = profile.remove(profile.add(text, TOKEN, URL).text)
    assert change is not None
    assert change.text == text


def test_adding_twice_renews_the_address_and_still_knows_the_way_back() -> None:
    once = profile.add(CLOUD, TOKEN, URL)
    twice = profile.add(once.text, TOKEN, "http://127.0.0.1:9999")
    assert tomllib.loads(twice.text)["homeport"]["server_url"] == "http://127.0.0.1:9999"
    assert twice.other == "work"
    undone = profile.remove(twice.text)
    assert undone is not None
    assert undone.text == CLOUD


def test_a_profile_that_the_user_made_active_since_stays_active() -> None:
    text = profile.add(CLOUD, TOKEN, URL).text
    text = text.replace("disable_api_proxy = true\nactive = true", "disable_api_proxy = true")
    text = text.replace('token_secret = "as-2"', 'token_secret = "as-2"\nactive = true')
    change = profile.remove(text)
    assert change is not None
    assert change.other == "my own"
    profiles = tomllib.loads(change.text)
    assert "homeport" not in profiles
    assert profiles["work"]["active"] is False


def test_removing_without_a_profile_changes_nothing() -> None:
    assert profile.remove(CLOUD) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[work\n", "not valid TOML"),
        ("loglevel = 'DEBUG'\n", "outside any profile"),
        ('[homeport]\nserver_url = "https://api.modal.com"\n', "did not write"),
        ("work = {token_id = 'ak-1', active = true}\n", "cannot be edited"),
    ],
)
def test_a_file_that_cannot_be_edited_is_left_alone(text: str, message: str) -> None:
    with pytest.raises(FailedPreconditionError, match=message):
        profile.add(text, TOKEN, URL)


def test_writing_keeps_a_link_and_hides_the_file_from_others(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("old")
    target.chmod(0o644)
    link = tmp_path / ".modal.toml"
    link.symlink_to(target)
    profile.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [".modal.toml", "dotfiles.toml"]


def test_an_engine_that_moved_takes_its_profile_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "modal.toml"
    monkeypatch.setenv("MODAL_CONFIG_PATH", str(file))
    file.write_text(profile.add(CLOUD, TOKEN, URL).text)
    assert profile.follow(Token("ak-other", "as-other"), "http://127.0.0.1:1") is None
    assert profile.follow(TOKEN, URL) is None
    assert profile.follow(TOKEN, "http://127.0.0.1:8000") == file
    assert tomllib.loads(file.read_text())["homeport"]["server_url"] == "http://127.0.0.1:8000"
    assert profile.is_active()


def test_the_real_client_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "modal.toml"
    file.write_text(profile.add(CLOUD, TOKEN, URL).text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from modal.config import config as c, _profile; print(_profile, c['server_url'], c['token_id'])",
        ],
        env=environment | {"MODAL_CONFIG_PATH": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["homeport", URL, "ak-home"]
