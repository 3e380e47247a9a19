"""A configuration of any model: origins, sections of free names, a word in a number's place."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from training_kit.config import load_resolved, resolve, settings
from training_kit.errors import ConfigError, UserError


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1
    level: Literal["best"] | float = "best"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    part: Part = Part()
    known: dict[str, Part] = {}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("name: a\npart:\n  size: 3\n")
    return path


def test_values_come_with_their_origins_and_are_read_back(path, tmp_path):
    resolved = resolve(path, Whole, ["part.level=0.5"])
    assert (resolved.config.part.size, resolved.config.part.level) == (3, 0.5)
    assert resolved.origins["part.size"] == f"{path}:3"
    assert resolved.origins["part.level"] == "--set part.level"
    resolved.save(tmp_path / "config.json")
    assert load_resolved(tmp_path / "config.json", Whole) == resolved


def test_an_empty_path_is_named_as_such():
    with pytest.raises(ConfigError, match="no configuration is named: its path is empty; "):
        resolve("", Whole)


def test_names_in_a_free_section_may_hold_dots(path):
    assert resolve(path, Whole, ["known.tusz-2.0.3.size=7"]).config.known["tusz-2.0.3"].size == 7


def test_a_word_that_may_stand_for_a_number_is_named_once(path):
    with pytest.raises(ConfigError) as caught:
        resolve(path, Whole, ["part.level=bst"])
    assert str(caught.value).count("part.level") == 2  # the fault, and where it came from
    assert "or be `best`" in str(caught.value) and isinstance(caught.value, UserError)


def test_unknown_settings_name_the_nearest(path):
    with pytest.raises(ConfigError, match=r"part\.sise is no setting; did you mean part\.size\?"):
        resolve(path, Whole, ["part.sise=2"])
    assert list(settings(Whole)) == ["name", "part.size", "part.level", "known"]
