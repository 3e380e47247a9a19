"""Two runs side by side: the sections in which they differ, the most likely cause first."""

from homeport.record.diff import outcome as rest
from homeport.record.diff.arguments import arguments
from homeport.record.diff.code import code
from homeport.record.diff.configuration import configuration
from homeport.record.diff.differences import Comparison, Section
from homeport.record.diff.environment import environment
from homeport.record.diff.images import images
from homeport.record.explain.known import Known


def compare(before: Known, after: Known) -> Comparison:
    mine, other = before.run, after.run
    sections = (
        ("code", code(before, after)),
        ("image and packages", images(mine, other)),
        ("variables", environment(before, after)),
        ("arguments", arguments(before, after)),
        ("configuration", configuration(mine, other)),
        ("data", rest.counts(mine, other)),
        ("volumes", rest.volumes(mine, other)),
        ("machine and limits", rest.machine(mine, other)),
        ("outcome", rest.outcome(mine, other)),
    )
    found = (Section(title, tuple(differences)) for title, differences in sections)
    return Comparison(mine.run_id, other.run_id, tuple(section for section in found if section.differences))
