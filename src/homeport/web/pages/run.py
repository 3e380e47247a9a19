"""The page of one run, what its script asks for while the run lives, and its stop button."""

import asyncio
import time
from collections import OrderedDict
from hashlib import blake2b
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from homeport.model.errors import NotFoundError
from homeport.record.contracts.told import VERDICTS, clauses
from homeport.record.run import Run
from homeport.web.pages import charts, output, run_view
from homeport.web.pages.door import Door
from homeport.web.pages.forms import read_form
from homeport.web.pages.render import answer, draw
from homeport.web.pages.sources import Sources

_PARTS: Final = ("summary", "contract", "progress", "attempts", "environment", "inputs", "source")
_LATEST: Final = 16
_WHY_STOPPED = "user stopped it from the browser"


def run_routes(sources: Sources, door: Door) -> list[Route]:
    async def show(request: Request) -> Response:
        named = request.path_params["run"]
        run_id = await asyncio.to_thread(sources.records.find, named)
        if run_id != named:
            return RedirectResponse(f"/runs/{run_id}", 303)
        run = await asyncio.to_thread(sources.records.record, run_id)
        wanted = output.wanted_of(request)
        tail = await output.tail(sources.logs, run, wanted)
        return await asyncio.to_thread(
            lambda: answer(request, "run.html", tail=tail, wanted=wanted, **values(run))
        )

    latest: OrderedDict[str, Run] = OrderedDict()  # of runs that live, for polls that want no more than lines

    def look(run_id: str, *, is_whole: bool) -> Run:
        """The record; where only lines are wanted and the run goes on, as it was at the last look."""
        known = latest.get(run_id)
        if known is not None and not is_whole and sources.records.row(run_id).state == "running":
            return known
        latest[run_id] = run = sources.records.record(run_id)
        if len(latest) > _LATEST or run.state != "running":
            latest.pop(run_id if run.state != "running" else next(iter(latest)), None)
        return run

    async def live(request: Request) -> Response:
        is_whole = request.query_params.get("parts") is not None
        run = await asyncio.to_thread(look, request.path_params["run"], is_whole=is_whole)
        new = await output.after(
            sources.logs, run, output.wanted_of(request), request.query_params.get("after", "")
        )
        is_over = run.state != "running" and not new.lines
        asked = request.query_params.get("parts")
        has_parts = is_over or asked is not None
        parts = await asyncio.to_thread(_changed_parts, run, asked or "") if has_parts else {}
        return JSONResponse(
            {
                "lines": [[line.clock, line.stream, line.text] for line in new.lines],
                "cursor": new.cursor,
                "parts": parts,
                "is_over": is_over,
                "sentence": f"The run has {run.state}. {run.outcome}",
            }
        )

    async def log(request: Request) -> Response:
        run = await asyncio.to_thread(sources.records.record, request.path_params["run"])
        text = await output.whole(sources.logs, run)
        headers = {"Content-Disposition": f'attachment; filename="{run.run_id}.log"'}
        return PlainTextResponse(text, headers=headers)

    async def stop(request: Request) -> Response:
        run = await asyncio.to_thread(sources.records.record, request.path_params["run"])
        if request.method == "GET":
            token = door.form_token(request.state.session)
            return answer(request, "stop.html", run=run, form_token=token)
        await read_form(request, door)
        await _stop(sources, run)
        return RedirectResponse(f"/runs/{run.run_id}", 303)

    return [
        Route("/runs/{run}", show),
        Route("/runs/{run}/live", live),
        Route("/runs/{run}/log.txt", log),
        Route("/runs/{run}/stop", stop, methods=["GET", "POST"]),
    ]


def _sections(run: Run) -> list[tuple[str, str]]:
    """Anchors and names of what the page has of this run, in its order."""
    known: list[tuple[str, str, object]] = [
        ("contract", "Contract", run.contract),
        ("calls", "Calls", run.calls),
        ("log", "Log", True),
        ("attempts", "Attempts", run.attempts),
        ("environment", "Environment", run.functions),
        ("configs", "Configuration", run.configs),
        ("counts", "Counts", run.counts),
        ("folders", "Files", run.folders),
        ("volumes", "Volumes", run.volumes),
        ("source", "Source", run.source.entry or run.source.git or run.source.files),
        ("images", "Image", run.images),
        ("machine", "Machine", True),
    ]
    return [(anchor, name) for anchor, name, is_there in known if is_there]


def values(run: Run) -> dict[str, Any]:
    """What run.html and its parts are drawn from."""
    axis = charts.axis_of(run.attempts, run.started_at, run.ended_at, time.time())
    total, done, failed = run_view.progress(run)
    return {
        "run": run,
        "sections": _sections(run),
        "is_live": run.state == "running",
        "clauses": clauses(run.contract) if run.contract else [],
        "functions": run_view.functions(run),
        "axis": axis,
        "bars": charts.bars(run.attempts, axis),
        "charts": charts.charts(run.attempts, axis),
        "total": total,
        "done": done,
        "failed": failed,
        "verdicts": VERDICTS,
        "typed": run_view.typed(run),
        "outcome": run_view.outcome(run),
        "contract_file": run_view.contract_file(run),
        "can_rerun": bool(
            run.kind in ("run", "deployment") and run.launcher and run.launcher.argv and run.launcher.cwd
        ),
    }


def _changed_parts(run: Run, have: str) -> dict[str, tuple[str, str]]:
    """Of the parts that the page does not `have`, by their digests: digest and HTML."""
    shown = values(run)
    drawn = {part: draw(f"run/{part}.html", **shown) for part in _PARTS}
    named = {part: (blake2b(html.encode(), digest_size=8).hexdigest(), html) for part, html in drawn.items()}
    known = have.split()
    return {part: found for part, found in named.items() if found[0] not in known}


async def _stop(sources: Sources, run: Run) -> None:
    """A call of a deployed app is cancelled, anything else ends with its app."""
    if run.kind in ("call", "schedule"):
        sources.calls.cancel(run.run_id, reason=f"{run.run_id} was stopped from the browser.", terminate=True)
        return
    if not run.app_id:
        raise NotFoundError(f"The record of {run.run_id} names no app that could be stopped.")
    await sources.apps.stop(run.app_id, _WHY_STOPPED, by=sources.apps.user)
