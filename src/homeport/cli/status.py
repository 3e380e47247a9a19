"""`homeport status`: what the engine holds, and which mechanism holds each limit on this machine."""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import click

from homeport.cli import holdings, service
from homeport.model.home import Home, default_home
from homeport.plan.durations import human_age
from homeport.plan.sizes import human_size
from homeport.store import reader

_SIZE_LIMIT_S = 2.0  # a home with millions of files is measured in part rather than waited for

EPILOG = """\b
Examples:
  homeport status
  homeport status --json | jq .engine.server_url
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> int:
    """Say whether the engine is up, where, what it holds and how limits are held here.

    Exits with 3 when no engine is up.
    """
    home = default_home()
    state = _state(home)
    if as_json:
        click.echo(json.dumps(state))
    else:
        _print(state)
    return 0 if state["engine"] else 3


def _state(home: Home) -> dict[str, Any]:
    from homeport.cli.machine import isolation, limits, look  # loads what running a container needs

    endpoint = service.find(home)
    found = look(home)
    size, is_whole = holdings.size_bytes(home.root, limit_s=_SIZE_LIMIT_S)
    return {
        "engine": asdict(endpoint) if endpoint else None,
        "was_killed": endpoint is None and home.endpoint_file.exists(),
        "home": str(home.root),
        "size_bytes": size,
        "size_is_whole": is_whole,
        "apps": [dict(row) for row in reader.apps(home.database)],
        "containers": [asdict(container) for container in holdings.live_containers(home)],
        "isolation": isolation(found, endpoint),
        "limits": limits(home, found),
    }


def _print(state: dict[str, Any]) -> None:
    engine = state["engine"]
    if engine:
        age = human_age(time.time() - engine["started_at"])
        _line("engine", f"up at {engine['server_url']} for {age} (pid {engine['pid']})", "green")
        _line("version", engine["version"])
    elif state["was_killed"]:
        _line("engine", "not up; it ended without a shutdown. homeport up goes on where it was", "yellow")
    else:
        _line("engine", "not up; start it with: homeport up", "yellow")
    part = "" if state["size_is_whole"] else "at least "
    _line("home", f"{state['home']} ({part}{human_size(state['size_bytes'])})")
    _line("apps", _apps(state["apps"]))
    _line("containers", str(len(state["containers"])))
    for container in state["containers"]:
        since = human_age(time.time() - container["started_at"]) if container["started_at"] else "?"
        named = holdings.Container(**container).described
        click.echo(f"{'':12}{container['task_id']}  {named}, for {since}")
    isolation = state["isolation"]
    _line("isolation", isolation["engine"], "yellow" if isolation["lacks"] else None)
    for lack in isolation["lacks"]:
        _line("", lack)
    for number, (name, mechanism) in enumerate(state["limits"].items()):
        _line("" if number else "limits", f"{name}: {mechanism}")


def _apps(apps: list[dict[str, Any]]) -> str:
    deployed = [str(app["name"]) for app in apps if app["name"]]
    running = len(apps) - len(deployed)
    parts = [f"{len(deployed)} deployed ({', '.join(deployed)})"] if deployed else ["none deployed"]
    return ", ".join([*parts, f"{running} running" if running else "none running"])


def _line(title: str, text: str, colour: str | None = None) -> None:
    styled = click.style(text, fg=colour) if colour and sys.stdout.isatty() else text
    click.echo(f"{title:<12}{styled}")
