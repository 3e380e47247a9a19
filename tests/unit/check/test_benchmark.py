"""The benchmark's apps get no errors, and faults that are planted into some of them are found.

`python -m benchmarks.check` plants all of them into all apps; here are some apps, with one plant of each
class. What is known to be missed is counted in docs/check.md.
"""

import json

import pytest

from benchmarks.check.apps import OTHERS, OWN, App
from benchmarks.check.measure import measurement, said_of
from benchmarks.check.plant import plants
from benchmarks.check.verify import VERIFIED

PLANTED_INTO = ("module_child", "path_edits", "yaml_configs")
MISSED_AT_MOST = 0.05


@pytest.mark.parametrize("app", (*OWN, *OTHERS), ids=lambda app: app.name)
def test_an_app_that_runs_gets_no_error(app: App) -> None:
    said = said_of(app, app.root, function=app.function, arguments=app.arguments or None)
    assert not [str(one) for one in said if one.severity == "error"]


def test_every_app_was_seen_to_run_as_it_lies_here() -> None:
    ran = json.loads(VERIFIED.read_text())
    changed = [app.name for app in OWN if ran.get(app.name, {}).get("digest") != app.digest()]
    assert not changed, f"run python -m benchmarks.check.verify {' '.join(changed)}"


def test_planted_faults_are_found() -> None:
    apps = {app.name: app for app in OWN if app.name in PLANTED_INTO}
    with measurement() as each:
        outcomes = [each.outcome(apps[plant.app], plant) for _, plant in plants(apps.values(), most=1)]
    missed = [f"{one.plant.app}: {one.plant.fault}: {one.plant.what}" for one in outcomes if not one.is_found]
    assert len(outcomes) > 100
    assert len(missed) <= MISSED_AT_MOST * len(outcomes), missed
