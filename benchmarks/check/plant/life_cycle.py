"""Faults of the life cycle: time, retries, GPUs, what costs money, and what the client no longer takes."""

import ast
from collections.abc import Iterator

from benchmarks.check.plant.project import Function, Place, Plant, Project


def default_timeout(app: Project) -> Iterator[Plant]:
    """A training function without timeout=: 300 s."""
    for function in app.training:
        if "timeout" in function.options:
            yield app.plant(
                "the default timeout on a training function",
                f"{function.node.name} without timeout",
                {function.source.file: function.without_option("timeout")},
                "HP401",
                places=(Place(function.source.file, function.decorator.lineno, function.body.lineno),),
            )


def timeout_beyond(app: Project) -> Iterator[Plant]:
    for number, function in enumerate(app.remote):
        value = ("90000", "48 * 60 * 60", "0", "60 * 60 * 24 * 7")[number % 4]
        yield _option(app, function, "a timeout beyond the limits", "HP402", "timeout", value)


def retries_beyond(app: Project) -> Iterator[Plant]:
    for number, function in enumerate(app.remote):
        value = ("11", "modal.Retries(max_retries=20, initial_delay=1.0)")[number % 2]
        yield _option(app, function, "retries beyond the limits", "HP403", "retries", value)


def delay_beyond(app: Project) -> Iterator[Plant]:
    for number, function in enumerate(app.remote):
        value = (
            "modal.Retries(max_retries=3, initial_delay=120.0)",
            "modal.Retries(max_retries=3, initial_delay=10.0, max_delay=600.0)",
            "modal.Retries(max_retries=3, backoff_coefficient=20.0)",
        )[number % 3]
        yield _option(app, function, "a delay beyond the limits", "HP403", "retries", value)


def retries_without_resume(app: Project) -> Iterator[Plant]:
    """Retries on a training that always begins anew."""
    words = ("exists", "resume", "latest", "last_checkpoint")
    for function in app.training:
        text = function.source.segment(function.node)
        if "retries" in function.options or any(word in text for word in words) or "resume" in app.app.name:
            continue
        for value in ("3", "modal.Retries(max_retries=2, initial_delay=0.0)"):
            yield _option(app, function, "retries without a resume", "HP405", "retries", value)


def detached_chain(app: Project) -> Iterator[Plant]:
    """--detach with an entry point that chains several calls."""
    fault = "--detach with an entry point that chains calls"
    codes = "HP406"
    for function in app.local:
        node = function.node
        text = function.source.segment(node)
        changes: dict[str, str | None] = {}
        if text.count(".remote(") + text.count(".map(") + text.count(".starmap(") < 2:
            calls = [
                one
                for one in ast.walk(node)
                if isinstance(one, ast.Call) and ast.unparse(one.func).endswith(".remote")
            ]
            if not calls:
                continue
            line = f"{function.source.segment(calls[0])}"
            changed, _ = function.with_lines(line, last=True)
            changes = {function.source.file: changed}
        yield app.plant(
            fault,
            f"{node.name} chains calls",
            changes,
            codes,
            places=(Place(function.source.file, node.lineno - 2, (node.end_lineno or 0) + 2),),
            function=node.name,
            is_detached=True,
            arguments=(),
        )


def longer_than_timeout(app: Project) -> Iterator[Plant]:
    """A job whose own configuration is longer than the function's timeout, which nothing follows."""
    fault = "a job longer than its timeout by its own configuration"
    for function in app.training:
        if "timeout" not in function.options or "retries" in function.options:
            continue
        source = function.source
        at = function.body.args.args
        if at and at[-1].annotation is not None and function.body.args.defaults:
            end = source.end(function.body.args.defaults[-1])
            text = source.with_span(end, end, ", max_hours: float = 48.0")
            place = Place(source.file, function.node.lineno, function.node.lineno + 3)
            yield app.plant(
                fault, f"{function.node.name}: max_hours = 48", {source.file: text}, "HP407", places=(place,)
            )
        for one in at:
            if "config" not in one.arg:
                continue
            for file in _configs(app):
                yield app.plant(
                    fault,
                    f"{file}: max_hours: 48",
                    {file: f"{app.read(file).rstrip()}\nmax_hours: 48\n"},
                    "HP407",
                    places=(Place(file, 1, 99), source.place(function.decorator)),
                    function=function.node.name,
                    arguments=(f"--{one.arg.replace('_', '-')}", file),
                )


def containers_that_cost(app: Project) -> Iterator[Plant]:
    for function in app.remote:
        yield _option(app, function, "min_containers that costs money", "HP408", "min_containers", "2")


def unknown_gpu(app: Project) -> Iterator[Plant]:
    """GPUs that there are not."""
    for number, function in enumerate(app.remote):
        values = (
            ('"A10-G"', '"H1000"'),
            ('"RTX4090"', '["H100", "V100"]'),
            ('"A100-60GB:2"', '"T4:0"'),
            ('"nvidia-l4"', '"H100:16"'),
        )[number % 4]
        for value in values:
            yield _option(app, function, "a GPU that does not exist", "HP409", "gpu", value)


def removed_options(app: Project) -> Iterator[Plant]:
    """What clients before 1.0 took."""
    fault = "an option that the client has removed or renamed"
    codes = "HP410 HP412"
    for function in app.remote:
        for name, value in (
            ("keep_warm", "1"),
            ("container_idle_timeout", "60"),
            ("concurrency_limit", "2"),
            ("allow_concurrent_inputs", "8"),
        ):
            yield _option(app, function, fault, codes, name, value)
    for step in (
        '.copy_local_dir(".", "/app/old")',
        '.copy_local_file("requirements.txt", "/app/requirements.txt")',
    ):
        for source, text, place in app.after_start(step):
            yield app.plant(
                fault,
                step,
                {source.file: text},
                codes,
                places=(Place(place.file, place.first, place.last + 2),),
            )
    for old in ("modal.Stub(", "modal.App("):
        if old == "modal.Stub(" and "modal.App(" in app.entry.text:
            text = app.entry.text.replace("modal.App(", old, 1)
            line = text[: text.index(old)].count("\n") + 1
            yield app.plant(
                fault, old, {app.entry.file: text}, codes, places=(Place(app.entry.file, line, line),)
            )


def short_limit_in_ci(app: Project) -> Iterator[Plant]:
    """A job in CI whose limit is below the function's."""
    file = ".github/workflows/train.yml"
    for function in app.training[:1]:
        if "timeout" not in function.options:
            continue
        command = f"modal run {app.app.entry}::{function.node.name}"
        workflow = (
            "name: train\non: workflow_dispatch\njobs:\n  train:\n    runs-on: ubuntu-latest\n"
            f"    timeout-minutes: 5\n    steps:\n      - uses: actions/checkout@v4\n      - run: {command}\n"
        )
        if app.exists(file):
            workflow = app.read(file).replace("timeout-minutes: 90", "timeout-minutes: 20")
        yield app.plant(
            "a job in CI whose limit is below the function's",
            "timeout-minutes",
            {file: workflow},
            "HP411",
            places=(Place(file, 1, 99), function.source.place(function.decorator)),
        )


FAULTS = (
    default_timeout,
    timeout_beyond,
    retries_beyond,
    delay_beyond,
    retries_without_resume,
    detached_chain,
    longer_than_timeout,
    containers_that_cost,
    unknown_gpu,
    removed_options,
    short_limit_in_ci,
)


def _option(app: Project, function: Function, fault: str, codes: str, name: str, value: str) -> Plant:
    text, place = function.with_option(name, value)
    return app.plant(
        fault, f"{function.node.name}: {name}={value}", {function.source.file: text}, codes, places=(place,)
    )


def _configs(app: Project) -> list[str]:
    """Configuration files that a function is run with."""
    return [
        path.relative_to(app.app.root).as_posix()
        for path in sorted(app.app.root.rglob("*.y*ml"))
        if path.parent.name in ("configs", "settings", "experiments")
    ][:1]
