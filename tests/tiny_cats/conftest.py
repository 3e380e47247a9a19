"""Imported before any test's torch: sets how its threads wait, as in every process of the pipeline.

Also two small models, as sources to export, and both exported once.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tiny_cats  # noqa: F401

if TYPE_CHECKING:
    from tiny_cats.export.source import Source


@pytest.fixture(scope="session")
def classifier_source() -> "Source":
    from tests.tiny_cats.export.sources import small_classifier

    return small_classifier()


@pytest.fixture(scope="session")
def tinydit_source() -> "Source":
    from tests.tiny_cats.export.sources import small_tinydit

    return small_tinydit()


@pytest.fixture(scope="session")
def classifier_folder(classifier_source: "Source", tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _exported(classifier_source, tmp_path_factory)


@pytest.fixture(scope="session")
def tinydit_folder(tinydit_source: "Source", tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _exported(tinydit_source, tmp_path_factory)


def _exported(source: "Source", tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_cats.export.write import export

    out = tmp_path_factory.mktemp("exported") / source.about.kind
    export(source, out, "both")
    return out
