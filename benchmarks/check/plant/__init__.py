"""Plants faults into the apps: of each class of the preflight's list, wherever an app has a place for it."""

from collections.abc import Iterable, Iterator

from benchmarks.check.apps import App
from benchmarks.check.plant import command_line, data, environment, life_cycle, placement
from benchmarks.check.plant.project import Plant, Project

GROUPS = {
    "placement": placement.FAULTS,
    "environment": environment.FAULTS,
    "data": data.FAULTS,
    "life cycle": life_cycle.FAULTS,
    "command line": command_line.FAULTS,
}


MOST = 4


def plants(apps: Iterable[App], most: int = MOST) -> Iterator[tuple[str, Plant]]:
    """Faults that can be planted into the apps, with their groups: `most` of a class in an app."""
    for app in apps:
        project = Project(app)
        for group, faults in GROUPS.items():
            for fault in faults:
                found = list(fault(project))
                step = max(1, -(-len(found) // most))
                for plant in found[::step]:
                    yield group, plant
