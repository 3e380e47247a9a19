"""Two runs side by side: the sections in which they differ, the most likely cause first."""

from homeport.record.diff import outcome as rest
from homeport.record.diff.arguments import arguments
from homeport.record.diff.code import code
from homeport.record.diff.configuration import configuration
from homeport.record.diff.differences import OF_LIBRARIES, Comparison, Section
from homeport.record.diff.environment import apart_from_libraries, environment, is_decided_inside
from homeport.record.diff.images import images
from homeport.record.explain.known import Known


def compare(before: Known, after: Known) -> Comparison:
    mine, other = before.run, after.run
    own, libraries = apart_from_libraries(before, after, environment(before, after))
    variables = Section("variables", own)
    given = [
        Section("arguments", tuple(arguments(before, after))),
        Section("configuration", tuple(configuration(mine, other))),
    ]
    is_late = bool(given[0].differences) and is_decided_inside(before, after, variables.differences)
    sections = [
        Section("code", tuple(code(before, after))),
        Section("image and packages", tuple(images(mine, other))),
        *([*given, variables] if is_late else [variables, *given]),
        Section("data", tuple(rest.counts(mine, other))),
        Section("volumes", tuple(rest.volumes(mine, other))),
        Section("machine and limits", tuple(rest.machine(mine, other))),
        Section(OF_LIBRARIES, libraries),
        Section("outcome", tuple(rest.outcome(mine, other))),
    ]
    return Comparison(mine.run_id, other.run_id, tuple(each for each in sections if each.differences))
