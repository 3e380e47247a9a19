"""A pytest plugin that writes down which RPCs the official clients made in each test that passed.

    .venv/bin/python -m pytest tests/wire tests/tour -p tests.support.record_rpcs

It adds to tests/rpcs.json, from which docs/coverage.md says how each RPC was verified. Tests that were not
run keep what was written for them; tests that are gone are left out.
"""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import Account

FILE = Path(__file__).resolve().parents[1] / "rpcs.json"
# fixtures that run an official client
_COMMANDS = frozenset({"modal", "python", "homeport", "terminal", "javascript", "older"})
_SERVED = re.compile(r"serving ([A-Z]\w+) ")


class _InThisProcess(logging.Handler):
    """Requests to a server that the test itself runs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if found := _SERVED.search(record.getMessage()):
            self.names.add(found[1])


_here = _InThisProcess()
_recorded: dict[str, set[str]] = {}


def pytest_configure(config: pytest.Config) -> None:
    gateway = logging.getLogger("homeport.api.gateway")
    gateway.setLevel(logging.DEBUG)
    gateway.addHandler(_here)
    environment = Account.environment
    Account.environment = lambda self: environment(self) | {"HOMEPORT_LOG_LEVEL": "debug"}  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    engine = getattr(item, "funcargs", {}).get("engine")
    # where there is no command, the requests are made by hand
    is_client_used = not _COMMANDS.isdisjoint(getattr(item, "funcargs", {}))
    log = engine.home / "engine.log" if engine is not None and is_client_used else None
    begun = log.stat().st_size if log is not None and log.exists() else 0
    _here.names.clear()
    result = yield
    names = set(_here.names)
    if log is not None and log.exists():
        with log.open(encoding="utf-8", errors="replace") as file:
            file.seek(begun)
            names |= set(_SERVED.findall(file.read()))
    if names:
        test = re.sub(r"\[.*\]$", "", item.nodeid)
        _recorded.setdefault(test, set()).update(names)
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    for test, names in _recorded.items():
        known[test] = sorted(names)
    kept = {test: known[test] for test in sorted(known) if _exists(test)}
    FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = FILE.parents[1] / file
    return path.exists() and f"def {name.rpartition('::')[2]}(" in path.read_text(encoding="utf-8")
