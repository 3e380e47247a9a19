"""Makes the app's objects out of calls: images as chains of steps, volumes, secrets, and the functions that
decorators register.
"""

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from homeport.check.facts import Function, Image, Kind, Parameter, Secret, Step, Volume
from homeport.check.reading.merge import Rest, freeze, merged, why_of
from homeport.check.reading.scope import AppBuilder, AppDecorator, Method, Scope, UserClass, UserFunction
from homeport.check.values import FromShell, Made, Site, Unknown, Value

STORAGE = ("Volume", "NetworkFileSystem", "SharedVolume", "CloudBucketMount")
KINDS: dict[str, Kind] = {
    "function": "function",
    "cls": "class",
    "server": "class",
    "local_entrypoint": "local_entrypoint",
}
PARTIALS = frozenset(
    {
        *("modal.enter", "modal.exit", "modal.method", "modal.build", "modal.batched", "modal.concurrent"),
        *("modal.asgi_app", "modal.wsgi_app", "modal.web_server", "modal.web_endpoint"),
        *("modal.fastapi_endpoint", "modal.http_server", "modal.experimental.http_server"),
        *("modal.clustered", "modal.experimental.clustered", "modal.sessioned"),
    }
)
# the parameters that stand first in these, so that rules need not count
POSITIONAL = {
    "modal.web_server": ("port",),
    "modal.Retries": ("max_retries",),
    "modal.Cron": ("cron_string",),
    "modal.clustered": ("size",),
    "modal.experimental.clustered": ("size",),
}


def plain_name(dotted: str) -> str:
    """`modal.image.Image.debian_slim` is `modal.Image.debian_slim`."""
    parts = dotted.split(".")
    is_nested = len(parts) > 2 and parts[1].islower() and parts[1] not in ("gpu", "experimental")
    if is_nested and (parts[2][:1].isupper() or parts[1] == "partial_function"):
        del parts[1]
    return ".".join(parts)


def make(dotted: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    """What a call of the client's makes; None where it is not one of its objects."""
    name = plain_name(dotted)
    site = scope.site(node)
    _, _, rest = name.partition(".")
    kind, _, constructor = rest.partition(".")
    if name == "modal.is_local":
        return scope.world.side.is_local
    if rest in ("App", "Stub"):
        return app(args, options, site, scope)
    if kind == "Image" and constructor:
        return Image((step(constructor, args, options, node, node.func, scope),), site)
    if kind in STORAGE and (constructor or kind == "CloudBucketMount"):
        return volume(kind, args, options, site)
    if kind == "Secret" and constructor:
        return Secret(constructor, freeze(args), freeze(options), site)
    if constructor and kind == "App":  # App.lookup: not what is run here
        return Unknown(f"is an app that {name}() looks up", site)
    return Made(name, freeze(args), freeze(named(name, args, options)), site)


def named(name: str, args: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(POSITIONAL.get(name, ()), args, strict=False)), **options}


def app(args: list[Any], options: dict[str, Any], site: Site, scope: Scope) -> AppBuilder:
    made = AppBuilder(args[0] if args else options.get("name"), site, dict(options))
    scope.world.apps.append(made)
    return made


def step(
    method: str, args: list[Any], options: dict[str, Any], node: ast.Call, func: ast.expr, scope: Scope
) -> Step:
    whole = scope.site(node)
    line, column = whole.line, whole.column
    if isinstance(func, ast.Attribute) and func.end_lineno is not None and func.end_col_offset is not None:
        line, column = func.end_lineno, func.end_col_offset - len(func.attr.encode())
    return Step(
        method,
        freeze(args),
        freeze(options),
        Site(whole.path, line, column, whole.end_line, whole.end_column),
    )


def volume(kind: str, args: list[Any], options: dict[str, Any], site: Site) -> Volume:
    first = {"CloudBucketMount": "bucket_name"}.get(kind, "name")
    name = args[0] if args else options.get(first, options.get("label"))
    others = {key: value for key, value in options.items() if key not in (first, "label")}
    return Volume(kind, freeze(name), freeze(others), site, options.get("read_only") is True)


def call(
    receiver: Any,
    name: str,
    args: list[Any],
    options: dict[str, Any],
    node: ast.Call,
    func: ast.expr,
    scope: Scope,
) -> Any:
    """A method of one of the client's objects."""
    site = scope.site(node)
    if isinstance(receiver, Image):
        return image_method(receiver, name, args, options, node, func, scope)
    if isinstance(receiver, AppBuilder):
        return app_method(receiver, name, args, options, node, scope)
    if isinstance(receiver, Volume) and name in ("with_mount_options", "with_options", "read_only"):
        is_read_only = name == "read_only" or options.get("read_only", receiver.read_only) is True
        merged = {**receiver.options, **freeze(options)}
        return Volume(receiver.kind, receiver.name, merged, receiver.site, is_read_only)
    if isinstance(receiver, Function) and name in ("with_options", "with_concurrency", "with_batching"):
        return receiver
    scope.world.risks += 1
    return Unknown(f"is what .{name}() returns", site)


def image_method(
    image: Image,
    name: str,
    args: list[Any],
    options: dict[str, Any],
    node: ast.Call,
    func: ast.expr,
    scope: Scope,
) -> Any:
    if name == "imports":
        return Method(image, "imports", ast.Attribute(value=node, attr="imports"))
    if name == "build":
        return image
    return Image((*image.steps, step(name, args, options, node, func, scope)), scope.site(node))


def app_method(
    builder: AppBuilder, name: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope
) -> Any:
    site = scope.site(node)
    if name in KINDS:
        sites = {keyword.arg: scope.site(keyword) for keyword in node.keywords if keyword.arg is not None}
        unpacked = [keyword.value for keyword in node.keywords if keyword.arg is None]
        sites = {key: sites.get(key) or (scope.site(unpacked[-1]) if unpacked else site) for key in options}
        if name == "local_entrypoint" and args and isinstance(args[0], UserFunction):  # without brackets
            return apply(AppDecorator(builder, name, {}, {}, site), args[0], scope)
        return AppDecorator(builder, name, dict(options), sites, site)
    if name == "include":
        if args and isinstance(args[0], AppBuilder):
            builder.functions.extend(one for one in args[0].functions if one not in builder.functions)
        return builder
    scope.world.risks += 1
    return Unknown(f"is what app.{name}() returns", site)


# ---- decorators


def decorated(made: Made, target: UserFunction | UserClass) -> Any:
    """`@modal.method()` and its like: the function stays what it is, and keeps them."""
    if made.name in PARTIALS:
        target.decorators[made.name] = dict(made.options)
        return target
    return Unknown(f"is what {made.name} makes of it", made.site)


def apply(decorator: AppDecorator, target: Any, scope: Scope) -> Any:
    """Registers a function, class or local entry point with its app."""
    if not isinstance(target, UserFunction | UserClass) or isinstance(target.node, ast.Lambda):
        return Unknown("is a function that is made elsewhere", decorator.site)
    function = registered(decorator, target)
    builder = decorator.app
    before = next((one for one in builder.functions if one.name == function.name), None)
    if before is not None and scope.world.is_in_doubt:
        function = either_of(before, function)
    builder.functions[:] = [one for one in builder.functions if one.name != function.name]
    builder.functions.append(function)
    return function


def either_of(one: Function, other: Function) -> Function:
    """Of two definitions in branches, of which it cannot be told which is followed."""
    test = Unknown("is one of several, which are defined in branches")
    image = merged([one.image, other.image], test)
    return replace(
        other,
        options=merged([dict(one.options), dict(other.options)], test),
        option_sites={**one.option_sites, **other.option_sites},
        image=image_of(image, None, other.site),
        volumes=merged([dict(one.volumes), dict(other.volumes)], test),
        secrets=merged([one.secrets, other.secrets], test),
    )


def registered(decorator: AppDecorator, target: UserFunction | UserClass) -> Function:
    options: dict[str, Any] = decorator.options
    defaults = decorator.app.options
    is_local = decorator.kind == "local_entrypoint"
    node = target.node
    assert not isinstance(node, ast.Lambda)
    name = options.get("name")
    methods, method_decorators = methods_of(target) if isinstance(target, UserClass) else ({}, {})
    further: dict[str, dict[str, Any]] = dict(target.decorators)
    if decorator.kind == "server":
        further["app.server"] = {}
    return Function(
        name=name if isinstance(name, str) else node.name,
        kind=KINDS[decorator.kind],
        module=target.scope.module,
        node=node,
        site=decorator.site,
        parameters=parameters(target),
        options=freeze(options),
        option_sites=decorator.option_sites,
        image=None if is_local else image_of(options.get("image"), defaults.get("image"), decorator.site),
        volumes={} if is_local else volumes_of(defaults, options),
        secrets=()
        if is_local
        else (*secrets_of(defaults.get("secrets")), *secrets_of(options.get("secrets"))),
        decorators=freeze(further),
        methods=methods,
        method_decorators=method_decorators,
    )


def image_of(own: Any, default: Any, site: Site) -> Image | None:
    value = own if own is not None else default
    if value is None or isinstance(value, Image):
        return value
    return Image((Unknown(why_of(value, "is not an image that is known"), site),), site)


def volumes_of(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Volume | Unknown]:
    found: dict[str, Volume | Unknown] = {}
    for options in (defaults, own):
        for option in ("volumes", "network_file_systems", "shared_volumes"):
            given = options.get(option)
            if given is None:
                continue
            if not isinstance(given, dict):
                found[""] = Unknown(why_of(given, "is not a dict that is known"))
                continue
            for point, value in given.items():
                if isinstance(point, FromShell):
                    point = point.default
                is_told = isinstance(point, str | PurePath)
                found[str(point) if is_told else ""] = (
                    value
                    if isinstance(value, Volume)
                    else Unknown(why_of(value, "is not a Volume that is known"))
                )
    return found


def secrets_of(given: Any) -> tuple[Secret | Unknown, ...]:
    if given is None:
        return ()
    if isinstance(given, set | frozenset):
        given = list(given)
    if not isinstance(given, list | tuple):
        return (Rest(why_of(given, "is not a list that is known")),)
    return tuple(
        one if isinstance(one, Secret | Unknown) else Unknown(why_of(one, "is not a Secret that is known"))
        for one in given
    )


Definition = ast.FunctionDef | ast.AsyncFunctionDef


def methods_of(
    cls: UserClass,
) -> tuple[dict[str, tuple[Definition, tuple[Parameter, ...]]], dict[str, Mapping[str, Mapping[str, Value]]]]:
    """The methods that have a decorator of the client's, those of the base classes first."""
    methods: dict[str, tuple[Definition, tuple[Parameter, ...]]] = {}
    decorators: dict[str, Mapping[str, Mapping[str, Value]]] = {}
    for one in reversed(list(cls.lineage())):
        for name, value in one.scope.names.items():
            if (
                isinstance(value, UserFunction)
                and value.decorators
                and not isinstance(value.node, ast.Lambda)
            ):
                methods[name] = (value.node, parameters(value)[1:])
                decorators[name] = freeze(value.decorators)
    return methods, decorators


def parameters(target: UserFunction | UserClass) -> tuple[Parameter, ...]:
    """Of a function, or what a class is made with: modal.parameter() fields, else __init__'s."""
    path = target.scope.module.path
    if isinstance(target, UserFunction):
        return of_arguments(target.node.args, path)
    found = []
    for statement in target.node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        value = target.scope.names.get(statement.target.id)
        if isinstance(value, Made) and value.name in ("modal.parameter", "modal.cls.parameter"):
            default = next(
                (
                    ast.unparse(keyword.value)
                    for keyword in getattr(statement.value, "keywords", ())
                    if keyword.arg == "default"
                ),
                None,
            )
            site = target.scope.site(statement)
            found.append(
                Parameter(statement.target.id, ast.unparse(statement.annotation), default, "keyword", site)
            )
    start = target.scope.names.get("__init__")
    if not found and isinstance(start, UserFunction):
        return of_arguments(start.node.args, path)[1:]
    return tuple(found)


def of_arguments(arguments: ast.arguments, path: Any) -> tuple[Parameter, ...]:
    def one(argument: ast.arg, default: ast.expr | None, kind: Any) -> Parameter:
        return Parameter(
            argument.arg,
            ast.unparse(argument.annotation) if argument.annotation else None,
            ast.unparse(default) if default else None,
            kind,
            Site(
                path,
                argument.lineno,
                argument.col_offset,
                argument.end_lineno or 0,
                argument.end_col_offset or 0,
            ),
        )

    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults = [None] * missing + list(arguments.defaults)
    found = [
        one(argument, default, "positional") for argument, default in zip(positional, defaults, strict=True)
    ]
    if arguments.vararg:
        found.append(one(arguments.vararg, None, "var_positional"))
    found.extend(
        one(argument, default, "keyword")
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    )
    if arguments.kwarg:
        found.append(one(arguments.kwarg, None, "var_keyword"))
    return tuple(found)
