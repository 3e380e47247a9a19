"""Questions to records: what differs between two runs, and where something in a run came from."""

import asyncio
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from homeport.model.errors import InvalidError
from homeport.record.diff.compare import compare
from homeport.record.explain.answers import Answer
from homeport.record.explain.argument import explain_argument
from homeport.record.explain.configuration import explain_config
from homeport.record.explain.file import explain_file
from homeport.record.explain.known import Known
from homeport.record.explain.variable import explain_variable
from homeport.web.pages.render import answer
from homeport.web.pages.run_view import command_line
from homeport.web.pages.sources import Sources

_KINDS: Final = {
    "variable": explain_variable,
    "argument": explain_argument,
    "config": explain_config,
    "file": explain_file,
}
_MOST_ROWS: Final = 100
_MOST_LINES: Final = 120


def asking_routes(sources: Sources) -> list[Route]:
    async def comparison(request: Request) -> Response:
        picked = request.query_params.getlist("r")
        if picked:  # from the list, where the newer one stands first
            if len(picked) != 2:
                raise InvalidError(f"Pick two runs to compare; {len(picked)} are picked.")
            return RedirectResponse(f"/compare?{urlencode({'a': picked[1], 'b': picked[0]})}", 303)
        a, b = request.query_params.get("a", ""), request.query_params.get("b", "")
        if not a or not b:
            raise InvalidError("Pick two runs to compare in the list of runs.")
        return await asyncio.to_thread(_comparison, sources, request, a, b)

    async def explanation(request: Request) -> Response:
        query = request.query_params
        kind = next((kind for kind in _KINDS if query.get(kind)), "")
        return await asyncio.to_thread(
            _explanation, sources, request, request.path_params["run"], kind, query.get(kind, "")[:500]
        )

    return [
        Route("/compare", comparison),
        Route("/runs/{run}/explain", explanation),
    ]


def _comparison(sources: Sources, request: Request, a: str, b: str) -> Response:
    before, after = sources.known(a), sources.known(b)
    return answer(
        request,
        "compare.html",
        before=before.run,
        after=after.run,
        commands=(_command(before), _command(after)),
        sections=compare(before, after).sections,
        most_rows=_MOST_ROWS,
        most_lines=_MOST_LINES,
    )


def _explanation(sources: Sources, request: Request, run_id: str, kind: str, name: str) -> Response:
    known = sources.known(run_id)
    found: Answer | None = _KINDS[kind](known, name) if kind else None
    return answer(
        request,
        "explain.html",
        404 if found is not None and not found.is_found else 200,
        run=known.run,
        kind=kind or "variable",
        name=name,
        kinds=_KINDS,
        found=found,
    )


def _command(known: Known) -> str:
    return command_line(known.caller.argv)
