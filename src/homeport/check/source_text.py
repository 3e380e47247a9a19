"""What stands at a place of a source file."""

from pathlib import Path

from homeport.check.facts import Facts
from homeport.check.values import Site


def text_at(facts: Facts, site: Site) -> str:
    """The source text of a place; empty where its file was not read."""
    module = facts.modules.get(site.path)
    if module is None or not site.end_line:
        return ""
    lines = module.text.splitlines(keepends=True)[site.line - 1 : site.end_line]
    if len(lines) != site.end_line - site.line + 1:
        return ""
    if len(lines) == 1:
        return _bytes(lines[0], site.column, site.end_column)
    inner = "".join(lines[1:-1])
    return _bytes(lines[0], site.column, None) + inner + _bytes(lines[-1], 0, site.end_column)


def _bytes(line: str, start: int, end: int | None) -> str:
    return line.encode("utf-8", "surrogatepass")[start:end].decode("utf-8", "replace")


def indentation(facts: Facts, site: Site) -> str:
    """The blanks that the line of a place begins with."""
    module = facts.modules.get(site.path)
    lines = module.text.splitlines() if module else []
    if site.line > len(lines):
        return ""
    line = lines[site.line - 1]
    return line[: len(line) - len(line.lstrip())]


def shown(path: Path, facts: Facts) -> str:
    """A path of the launcher's as one would type it there."""
    for root in (facts.launcher.folder, facts.entry.path.parent):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return str(path)
