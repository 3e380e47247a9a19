"""A throw-away app that imports in an app's real containers what its functions import there.

    HOMEPORT_PROBE=asked.json modal run homeport_probe.py

Where modal runs, it imports the user's app as `modal run` does, and registers for each of its functions one
of its own, with the same image, volumes, secrets and shipped files. In the container that one imports the
function's module and then, in order, what the check's walk saw, and says what came of each. No function of
the user's is called. Copied to homeport_probe.py, since the client ships it by that name; the plan is made
and the outcome judged by check/probing.py.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import Any, Dict, List

import modal

APP = "homeport-probe"
app = modal.App(APP)


# ---- in the container


def probe(text: str) -> str:
    """What came of a plan, as JSON: an outcome for each step that has an id."""
    plan = json.loads(text)
    entry = _imported(plan["module"], "") if plan["module"] else None
    outcomes = _follow(plan["steps"])
    for child in plan["children"]:
        outcomes.update(_in_child(child))
    return json.dumps({"python": sys.version.split()[0], "entry": entry, "outcomes": outcomes})


def _follow(steps: List[Dict[str, Any]]) -> Dict[str, Any]:
    outcomes = {}
    for step in steps:
        if step["do"] == "import":
            outcomes[step["id"]] = _imported(step["name"], step["member"])
        elif step["do"] == "file":
            outcomes[step["id"]] = {"is": "there" if os.path.exists(step["path"]) else "missing"}
        elif step["do"] == "path" and step["unless"] not in sys.modules:
            sys.path.insert(0 if step["is_first"] else len(sys.path), step["path"])
        elif step["do"] == "chdir" and step["unless"] not in sys.modules and os.path.isdir(step["path"]):
            os.chdir(step["path"])
    return outcomes


def _in_child(child: Dict[str, Any]) -> Dict[str, Any]:
    """The steps of a process that the function starts: another interpreter, with the sys.path of that one."""
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__)],
        input=json.dumps(child),
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    last = (done.stdout.strip().splitlines() or ["{}"])[-1]
    outcomes = json.loads(last) if done.returncode == 0 else {}
    assert isinstance(outcomes, dict)
    return outcomes


def _run_as_child() -> None:
    child = json.load(sys.stdin)
    ours = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [*child["search_path"], *(path for path in sys.path if path != ours)]
    print("\n" + json.dumps(_follow(child["steps"])))


def _imported(name: str, member: str) -> Dict[str, str]:
    """ "there", "missing" (neither it nor a package around it is there), or "fails" while it is imported."""
    try:
        module = importlib.import_module(name)
        if member and not hasattr(module, member):
            name = name + "." + member
            module = importlib.import_module(name)
    except BaseException as error:
        is_itself = isinstance(error, ModuleNotFoundError) and (name + ".").startswith(str(error.name) + ".")
        what = "{}: {}".format(type(error).__name__, error)
        return {"is": "missing" if is_itself else "fails", "error": what[:500]}
    where = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), "")
    return {"is": "there", "where": str(where)}


# ---- where modal runs


def _register(asked: Dict[str, Any]) -> Dict[str, Any]:
    """A function of ours for each of the user's that is asked for, by name."""
    sys.path.insert(0, asked["homeport"])
    from homeport.check.inside.encoding import Encoder, Objects
    from homeport.check.inside.frames import Origins
    from homeport.check.inside.importing import imported
    from homeport.check.inside.recording import Recording

    sys.path.remove(asked["homeport"])
    for name in [name for name in sys.modules if name == "homeport" or name.startswith("homeport.")]:
        del sys.modules[name]  # an app may have a module of that name
    origins, objects = Origins(asked["entry"]), Objects()
    origins.set_client(modal.__file__)
    recording = Recording(origins, objects, Encoder(objects, lambda value, key: None))
    own = app.function
    recording.wrap(modal)
    sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
    sys.argv[1:] = ["run", *(["-m", asked["module"]] if asked["module"] else [asked["entry"]])]
    imported(asked["entry"], asked["module"])
    made: Dict[str, Any] = {}
    for found in recording.registered:
        options = recording.given[found["call"]]
        name = options.get("name") or found["qualname"].rpartition(".")[2]
        if name not in asked["plans"] or found["kind"] == "local_entrypoint":
            continue
        shared = next(
            recording.given[call["id"]]
            for call in recording.calls
            if call["name"] == "App" and call["result"] == found["app"]
        )
        made[name] = own(name="probe-{}".format(len(made)), **_environment(found, options, shared))(probe)
    return made


def _environment(found: Dict[str, Any], options: Dict[str, Any], shared: Dict[str, Any]) -> Dict[str, Any]:
    """What makes a function's container, as the client puts it together."""
    image = options.get("image") or shared.get("image") or modal.Image.debian_slim()
    is_shipped = options.get("include_source")
    if is_shipped is None:
        is_shipped = shared.get("include_source")
    module = sys.modules[found["module"]]
    if is_shipped is not False and not options.get("serialized"):
        if getattr(module, "__package__", None):
            image = image.add_local_python_source(module.__name__.partition(".")[0], ignore=[])
        else:
            file = os.path.abspath(str(module.__file__))
            image = image.add_local_file(file, "/root/" + os.path.basename(file))
    given = {
        "image": image,
        "volumes": {**(shared.get("volumes") or {}), **(options.get("volumes") or {})},
        "secrets": [*(shared.get("secrets") or []), *(options.get("secrets") or [])],
        "network_file_systems": options.get("network_file_systems"),
        "env": options.get("env"),
    }
    return {"timeout": 3600, **{name: value for name, value in given.items() if value}}


def _run(functions: Dict[str, Any], asked: Dict[str, Any]) -> None:
    calls = {name: function.spawn(json.dumps(asked["plans"][name])) for name, function in functions.items()}
    results = {}
    for name, call in calls.items():
        try:
            results[name] = json.loads(call.get())
        except Exception as error:
            results[name] = {"error": "{}: {}".format(type(error).__name__, error)}
    with open(asked["results"], "w", encoding="utf-8") as file:
        json.dump(results, file)


if __name__ == "__main__":
    _run_as_child()
elif modal.is_local():
    with open(os.environ["HOMEPORT_PROBE"], encoding="utf-8") as asked_file:
        _asked = json.load(asked_file)
    _functions = _register(_asked)

    @app.local_entrypoint()
    def main() -> None:
        _run(_functions, _asked)
