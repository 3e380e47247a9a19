"""The list of runs: newest first, a page at a time, with filters; two of them can be picked to compare."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homeport.control.runs.records import RunFilter
from homeport.record.contracts.told import VERDICTS
from homeport.web.pages.render import answer
from homeport.web.pages.run_view import KINDS, STATES
from homeport.web.pages.sources import Sources

ROWS: Final = 50
_KEPT_S: Final = 5.0
_MOST_DAMAGED: Final = 20
_MOST_PAGES: Final = 1_000_000


def list_routes(sources: Sources) -> list[Route]:
    apps, damaged = _Kept(sources.records.apps), _Kept(sources.records.damaged)

    async def runs(request: Request) -> Response:
        return await asyncio.to_thread(_list, sources, apps, damaged, request)

    return [Route("/", runs)]


class _Kept:
    """An answer that is kept for a moment: finding it takes as long as all else of the list."""

    def __init__(self, ask: Callable[[], list[str]]) -> None:
        self._ask = ask
        self._found: list[str] = []
        self._asked_at = 0.0

    def __call__(self) -> list[str]:
        if time.monotonic() - self._asked_at > _KEPT_S:
            self._found, self._asked_at = self._ask(), time.monotonic()
        return self._found


def _list(sources: Sources, apps: _Kept, damaged: _Kept, request: Request) -> Response:
    query = request.query_params
    wanted = RunFilter(
        state=_one_of(query.get("state", ""), STATES),
        kind=_one_of(query.get("kind", ""), KINDS),
        verdict=_one_of(query.get("verdict", ""), tuple(VERDICTS)),
        app=query.get("app", "")[:200],
        text=query.get("q", "").strip()[:200],
    )
    number = _page_number(query.get("page", ""))
    rows = sources.records.rows(wanted, limit=ROWS, page=number - 1)
    total = sources.records.count(wanted)
    return answer(
        request,
        "runs.html",
        rows=rows,
        total=total,
        first=(number - 1) * ROWS + 1,
        wanted=wanted,
        is_filtered=wanted != RunFilter(),
        apps=_pairs(apps()),
        damaged=damaged() if number == 1 else [],
        most_damaged=_MOST_DAMAGED,
        states=_pairs(STATES),
        kinds=_pairs(KINDS),
        verdicts=VERDICTS,
        newer=_address(wanted, number - 1) if number > 1 else "",
        older=_address(wanted, number + 1) if number * ROWS < total else "",
    )


def _pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Values and texts of a choice, which are the same here."""
    return [(name, name) for name in names]


def _one_of(asked: str, known: tuple[str, ...]) -> str:
    return asked if asked in known else ""


def _page_number(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 20  # int() refuses very long ones
    return min(int(text), _MOST_PAGES) if is_number and int(text) > 0 else 1


def _address(wanted: RunFilter, number: int) -> str:
    fields = {
        "state": wanted.state,
        "kind": wanted.kind,
        "verdict": wanted.verdict,
        "app": wanted.app,
        "q": wanted.text,
        "page": str(number) if number > 1 else "",
    }
    given = {name: value for name, value in fields.items() if value}
    return f"/?{urlencode(given)}" if given else "/"
