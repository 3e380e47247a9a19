"""One small corpus and its cache, made once; every test gets a run of its own."""

import shutil

import pytest
import torch

from seizure import cache, corpus
from seizure.config.schema import Preprocessing
from tests.seizure.scoring.scored_run import make_run, make_small_corpus


@pytest.fixture(scope="session", autouse=True)
def few_threads():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory):
    return make_small_corpus(tmp_path_factory.mktemp("corpus") / "tusz")


@pytest.fixture(scope="session")
def small_cache(small_corpus, tmp_path_factory):
    """`cache/smoke` below a results folder, filled."""
    folder = tmp_path_factory.mktemp("cache")
    recordings = corpus.discover(small_corpus)
    annotations = corpus.read_all_annotations(recordings).annotations
    settings = Preprocessing()
    cache.build_cache(recordings, annotations, settings, folder / cache.cache_key(settings), processes=1)
    return folder


@pytest.fixture
def corpus_dir(small_corpus, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(small_corpus, tmp_path / "tusz")


@pytest.fixture
def run(tmp_path, corpus_dir):
    """A run whose cache is empty."""
    return make_run(tmp_path, corpus_dir)


@pytest.fixture
def cached_run(run, small_cache):
    """A run whose cache holds all its recordings."""
    shutil.copytree(small_cache, run.parents[1] / "cache" / "smoke")
    return run
