"""The `ignore` of steps that ship files, as a matcher of paths."""

from collections.abc import Callable

from homeport.check.container.ground import Ground, local_path
from homeport.check.container.patterns import Ignore
from homeport.check.facts import Made
from homeport.check.values import Site, Unknown, Value


def read_ignore(value: Value, ground: Ground, site: Site) -> Callable[[str], bool] | Unknown | None:
    """The client's `ignore`: patterns, a matcher, or a function of the user's, which is not run."""
    if value is None or value == ():
        return None
    ignore = _of(value, ground)
    if ignore is None or ignore.is_broken:
        return Unknown("what `ignore` leaves out is not known", site)
    return ignore


def _of(value: Value, ground: Ground) -> Ignore | None:
    try:
        if isinstance(value, str):
            return Ignore(list(value))
        if isinstance(value, tuple | frozenset) and all(isinstance(item, str) for item in value):
            return Ignore(value)
        if isinstance(value, Made) and value.name.endswith("FilePatternMatcher.from_file") and value.args:
            path = local_path(value.args[0], ground, expand=False)
            lines = path.read_text(encoding="utf-8").splitlines() if path else []
            return Ignore(lines, is_inverted=value.name.startswith("~"))
        if _is_matcher(value):
            return Ignore(value.args, is_inverted=value.name.startswith("~"))
    except (ValueError, OSError):
        pass
    return None


def _is_matcher(value: Value) -> bool:
    is_one = isinstance(value, Made) and value.name.endswith("FilePatternMatcher")
    return is_one and all(isinstance(item, str) for item in value.args)
