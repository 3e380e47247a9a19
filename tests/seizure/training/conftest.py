"""A cache and an undisturbed run, made once."""

from types import SimpleNamespace

import pytest

from tests.seizure.training.life import live, make_cache


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    make_cache(folder)
    return folder


@pytest.fixture(scope="session")
def whole(cache, tmp_path_factory):
    """A run that nothing disturbed: result, folder, lines."""
    folder, lines = tmp_path_factory.mktemp("whole"), []
    result = live(cache, folder, say=lines.append)
    return SimpleNamespace(result=result, folder=folder, lines=lines)
