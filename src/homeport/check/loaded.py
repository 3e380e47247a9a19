"""Makes facts of what a throw-away process reported of an app (inside/load.py): the calls that made its
objects, joined with the nodes of the source that they stand at.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from homeport.check.facts import App, Function, Image, Made, Module, Parameter, Secret, Step, Volume
from homeport.check.loaded_nodes import Definition, Nodes, Told, site_of, site_of_node
from homeport.check.reading.modal_objects import named, of_arguments
from homeport.check.source import Sources
from homeport.check.values import FromShell, Site, Unknown, Value

_NOT_FOLLOWED = "is made by the client in a way that is not followed"
_VOLUMES = ("Volume", "NetworkFileSystem", "SharedVolume", "CloudBucketMount")


def app_of(report: Told, entry: Module, sources: Sources, source_app: App) -> App:
    """The app of the entry module: all that is registered with the apps that it has by name."""
    objects = _Objects(report, sources)
    members = {int(number): name for number, name in report["members"].items()}
    named = [call for call in report["calls"] if call["name"] == "App" and call["result"] in members]
    numbers = _included({call["result"] for call in named}, report)
    chosen = [one for one in report["registered"] if one["app"] in numbers or one["object"] in members]
    # an app of another module's that is no name here: its functions are
    apps = named or [_app_call(one["app"], report) for one in chosen]
    if not apps:
        return replace(source_app, how="loaded", functions=(), unknown=_attempts(report))
    main = next((call for call in apps if members.get(call["result"]) == "app"), apps[0])
    read = {id(function.node): function for function in source_app.functions}
    functions = [_function(one, report, objects, read) for one in chosen]
    return App(
        name=_first_argument(main, objects, "name"),
        site=objects.nodes.site(main),
        options=objects.options(main),
        functions=_last_of_each_name(functions),
        how="loaded",
        unknown=_attempts(report),
        shell_reads=tuple(
            FromShell(name, None, site_of(site) or Site(entry.path, 1)) for name, _, site in report["reads"]
        ),
        search_path=source_app.search_path,
    )


def _included(numbers: set[int], report: Told) -> set[int]:
    """The apps, and those that they include."""
    found = set(numbers)
    for call in reversed(report["calls"]):
        if call["name"] == "App.include" and call["of"] in found:
            other = (call["args"] or [call["options"].get("other_app")])[0]
            if isinstance(other, dict) and other.get("$") == "object":
                found.add(other["v"])
    return found


def _last_of_each_name(functions: list[Function]) -> tuple[Function, ...]:
    return tuple({function.name: function for function in functions}.values())


def _attempts(report: Told) -> tuple[Unknown, ...]:
    hosts: dict[str, Unknown] = {}
    for attempt in report["attempts"]:
        why = f"asks {attempt['what']} while it is imported, which was refused"
        hosts.setdefault(attempt["what"], Unknown(why, site_of(attempt["site"])))
    return tuple(hosts.values())


def _first_argument(call: Told, objects: "_Objects", name: str) -> Value:
    return objects.value(call["args"][0] if call["args"] else call["options"].get(name))


# ---- objects and values


class _Objects:
    """The client's objects by number, made of the calls that made them."""

    def __init__(self, report: Told, sources: Sources) -> None:
        self._makers: dict[int, Told] = {}
        for call in report["calls"]:
            if call["result"] is not None and call["result"] != call["of"]:
                self._makers.setdefault(call["result"], call)
        self._made: dict[int, Any] = {}
        self.nodes = Nodes(sources)

    def options(self, call: Told) -> dict[str, Value]:
        return {name: self.value(value) for name, value in call["options"].items()}

    def value(self, told: Any) -> Value:
        if not isinstance(told, dict):
            return told
        value: Any = told.get("v")
        match told["$"]:
            case "object":
                return self.object(int(value))
            case "shell":
                return FromShell(told["name"], None, site_of(told["site"]) or Site(Path(), 0))
            case "unknown":
                return Unknown(value)
            case "dict":
                return {_key(self.value(key)): self.value(item) for key, item in value}
            case "tuple":
                return tuple(map(self.value, value))
            case "set":
                return frozenset(map(_key, map(self.value, value)))
            case "path":
                return Path(value)
            case "bytes":
                return bytes.fromhex(value)
            case "float":
                return float.fromhex(value)
            case "complex":
                return complex(*value)
        raise AssertionError(told)

    def object(self, number: int) -> Any:
        if number not in self._made:
            maker = self._makers.get(number)
            self._made[number] = Unknown(_NOT_FOLLOWED)  # also of what would be made of itself
            if maker is not None:
                self._made[number] = self._make(maker)
        return self._made[number]

    def _make(self, call: Told) -> Any:
        owner, _, method = call["name"].partition(".")
        args = tuple(map(self.value, call["args"]))
        options, site = self.options(call), self.nodes.site(call)
        if owner == "Image":
            before: tuple[Step | Unknown, ...] = ()
            if call["of"] is not None:
                base = self.object(call["of"])
                before = base.steps if isinstance(base, Image) else (Unknown(_NOT_FOLLOWED),)
            step = Step(method, args, options, self.nodes.step_site(call))
            return Image((*before, step), site)
        if owner == "Secret":
            return Secret(method, args, options, site)
        if owner in _VOLUMES:
            return self._volume(owner, method, args, options, call, site)
        name = f"modal.{call['name']}"
        return Made(name, args, named(name, list(args), options), site)

    def _volume(
        self,
        owner: str,
        method: str,
        args: tuple[Value, ...],
        options: dict[str, Value],
        call: Told,
        site: Site,
    ) -> Any:
        base = self.object(call["of"]) if call["of"] is not None else None
        if isinstance(base, Volume):
            read_only = method == "read_only" or options.get("read_only", base.read_only) is True
            return replace(base, options={**base.options, **options}, read_only=read_only)
        names = ("bucket_name",) if owner == "CloudBucketMount" else ("name", "label", "volume_id")
        name = args[0] if args else next((options[key] for key in names if key in options), None)
        kept = {key: value for key, value in options.items() if key not in names}
        return Volume(owner, name, kept, site, options.get("read_only") is True)


def _key(value: Value) -> Value:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


# ---- functions


def _function(
    registered: Told, report: Told, objects: _Objects, read_functions: Mapping[int, Function]
) -> Function:
    call = report["calls"][registered["call"]]
    is_local = registered["kind"] == "local_entrypoint"
    of_app = {} if is_local else objects.options(_app_call(registered["app"], report))
    module, node = objects.nodes.definition(registered, call)
    read = read_functions.get(id(node))
    options = _with_read(objects.options(call), read)
    name = options.get("name")
    site = objects.nodes.site(call)
    further = _decorators(node, module, report, objects)
    methods = {inner.name: (inner, _decorators(inner, module, report, objects)) for inner in _inner(node)}
    decorated = {name: inner for name, (inner, given) in methods.items() if given}
    return Function(
        name=name if isinstance(name, str) else node.name,
        kind=registered["kind"],
        module=module,
        node=node,
        site=site,
        parameters=read.parameters if read is not None else _parameters(node, module.path),
        options=options,
        option_sites=_option_sites(objects.nodes.call(call), options, site),
        image=_image(options.get("image")) or _image(of_app.get("image")),
        volumes={
            mount: volume
            for given in (of_app.get("volumes"), options.get("network_file_systems"), options.get("volumes"))
            for mount, volume in _volumes(given)
        },
        secrets=(*_secrets(of_app.get("secrets")), *_secrets(options.get("secrets"))),
        decorators={**(read.decorators if read is not None else {}), **further},
        methods=read.methods
        if read is not None
        else {name: (inner, _parameters(inner, module.path)[1:]) for name, inner in decorated.items()},
        method_decorators={
            **(read.method_decorators if read is not None else {}),
            **{name: methods[name][1] for name in decorated},
        },
    )


def _app_call(number: int, report: Told) -> Told:
    made: Told = next(call for call in report["calls"] if call["name"] == "App" and call["result"] == number)
    return made


def _with_read(options: dict[str, Value], read: Function | None) -> dict[str, Value]:
    """What the report cannot say of an option, the source may."""
    known = read.options if read is not None else {}
    return {
        name: known[name] if isinstance(value, Unknown) and name in known else value
        for name, value in options.items()
    }


def _parameters(node: Definition, path: Path) -> tuple[Parameter, ...]:
    return () if isinstance(node, ast.ClassDef) else of_arguments(node.args, path)


def _inner(node: Definition) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for inner in node.body if isinstance(node, ast.ClassDef) else []:
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner


def _option_sites(node: ast.Call | None, options: Mapping[str, Value], site: Site) -> dict[str, Site]:
    """Where each option stands; those that are given through `**` stand there, or at the call."""
    keywords = node.keywords if node is not None else []
    unpacked = [site_of_node(keyword.value, site.path) for keyword in keywords if keyword.arg is None]
    written = {word.arg: site_of_node(word, site.path) for word in keywords if word.arg is not None}
    return {name: written.get(name) or (unpacked[-1] if unpacked else site) for name in options}


def _image(value: Value) -> Image | None:
    if isinstance(value, Unknown):
        return Image((value,), value.site or Site(Path(), 0))
    return value if isinstance(value, Image) else None


def _volumes(value: Value) -> Iterator[tuple[str, Volume | Unknown]]:
    for mount, volume in value.items() if isinstance(value, dict) else []:
        yield str(mount), volume if isinstance(volume, Volume | Unknown) else Unknown("is no Volume")


def _secrets(value: Value) -> tuple[Secret | Unknown, ...]:
    if isinstance(value, Unknown):
        return (value,)
    items = value if isinstance(value, tuple | frozenset) else ()
    return tuple(item for item in items if isinstance(item, Secret | Unknown))


def _decorators(
    node: Definition, module: Module, report: Told, objects: _Objects
) -> dict[str, Mapping[str, Value]]:
    """The client's decorators of a function, by name, with what they were really given."""
    found: dict[str, Mapping[str, Value]] = {}
    for call in report["calls"]:
        name, path = call["name"], (call["site"] or [""])[0]
        is_here = (name.startswith("modal.") or name == "App.server") and path == str(module.path)
        if is_here and objects.nodes.call(call) in node.decorator_list:
            args = [objects.value(value) for value in call["args"]]
            options = named(name, args, objects.options(call))
            found[name.replace("App.", "app.")] = {} if name == "App.server" else options
    return found
