from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.web.pages.browsing import Browser, Site
from tests.unit.web.pages.made_runs import many_runs, whole_run


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home with a run that has everything, and 120 more."""
    made = Site(tmp_path, [whole_run(), *many_runs(120)])
    yield made
    made.close()


@pytest.fixture
def browser(site: Site) -> Browser:
    """One that was let in."""
    made = Browser(site)
    made.enter()
    return made
