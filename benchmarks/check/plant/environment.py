"""Faults of the environment: variables that come from the wrong place, from nowhere, or reach too far."""

import ast
from collections.abc import Iterator

from benchmarks.check.plant.project import Function, Place, Plant, Project

KEY = "5f2b9c0e7d1a4386b0c9e2f7a1d3b5c7e9f1a2b4"


def captured_into_secret(app: Project) -> Iterator[Plant]:
    """A variable of the launcher's shell put into a Secret when the module is imported."""
    ways = (
        '[modal.Secret.from_dict({"WANDB_API_KEY": os.environ["WANDB_API_KEY"]})]',
        '[modal.Secret.from_dict({"LIMIT_FILES": os.environ.get("LIMIT_FILES", "")})]',
        '[modal.Secret.from_dict({name: os.environ[name] for name in os.environ if name.startswith("HF_")})]',
        '[modal.Secret.from_dict({"MODE": os.getenv("MODE", "full")})]',
    )
    for number, function in enumerate(app.remote):
        if "secrets" in function.options:
            continue
        yield _with_secrets(app, function, "a variable captured into a Secret", ways[number % 4], "HP201")


def captured_into_image(app: Project) -> Iterator[Plant]:
    """The same into the image."""
    for step in (
        '.env({"RUN_MODE": os.environ.get("RUN_MODE", "full")})',
        '.env({"HF_TOKEN": os.environ["HF_TOKEN"]})',
        '.env({name: value for name, value in os.environ.items() if name.startswith("EXP_")})',
    ):
        for source, text, place in app.after_start(step):
            text = source.with_import("os", text)
            places = (Place(place.file, place.first, place.last + 2),)
            yield app.plant(
                "a variable captured into the image", step, {source.file: text}, "HP201", places=places
            )


def read_without_provider(app: Project) -> Iterator[Plant]:
    """A variable that a function needs and nobody provides."""
    fault = "a variable that nobody provides"
    for number, function in enumerate(app.remote):
        line = ('hub_token = os.environ["HF_TOKEN"]', 'project = os.environ["PROJECT"]')[number % 2]
        yield _inserted(app, function, fault, "HP202 HP203", line)
    for source, call in app.steps("env"):
        names = [
            key.value for key in ast.walk(call) if isinstance(key, ast.Constant) and str(key.value).isupper()
        ]
        needed = [
            name for name in names if any(f'os.environ["{name}"]' in one.text for one in app.sources.values())
        ]
        if needed:
            yield app.plant(
                fault,
                f"without the image's {needed[0]}",
                {source.file: source.without_step(call)},
                "HP202 HP203",
                words=(str(needed[0]),),
            )


def not_forwarded(app: Project) -> Iterator[Plant]:
    """A variable that the shell has, the function reads, and nobody hands over."""
    for number, function in enumerate(app.remote):
        line = (
            'limit_files = os.environ.get("LIMIT_FILES")',
            'limit_files = os.getenv("LIMIT_FILES", "0")',
            'if "LIMIT_FILES" in os.environ: print("limited")',
        )[number % 3]
        yield _inserted(
            app,
            function,
            "a variable of the shell that is not forwarded",
            "HP202 HP203",
            line,
            variables=frozenset({"LIMIT_FILES", "HOME", "PATH"}),
        )


def decision_by_path(app: Project) -> Iterator[Plant]:
    """A decision taken from a piece of a path's name."""
    for function in app.remote:
        names = [
            one.arg
            for one in function.body.args.args
            if one.annotation is not None and ast.unparse(one.annotation) == "str"
        ]
        for name in names:
            path = name if "path" in name or "config" in name else f'f"configs/{{{name}}}.yaml"'
            for test in (
                f'"smoke" in {path}',
                f'"debug" in {path}.lower()',
                f'{path}.endswith("_test.yaml")',
            ):
                lines = (
                    f"config_file = {path}",
                    f"if {test.replace(path, 'config_file')}:",
                    "    print('a short run')",
                )
                text, place = function.with_lines(*lines)
                yield app.plant(
                    "a decision by a piece of a path's name",
                    test,
                    {function.source.file: text},
                    "HP204",
                    places=(Place(place.file, place.first, place.last),),
                )


def environment_passed_whole(app: Project) -> Iterator[Plant]:
    """os.environ passed whole to a child process, changed in one case and left as it is in the other."""
    fault = "os.environ passed whole to a child while it is changed"
    for number, function in enumerate(app.remote):
        names = [one.arg for one in function.body.args.args if one.arg != "self"]
        test = f"if {names[0]}:" if names else "if random.random() < 0.5:"
        ways = (
            (
                test,
                '    os.environ["LIMIT_FILES"] = "50"',
                'subprocess.run(["env"], env=os.environ, check=True)',
            ),
            (
                "env = os.environ.copy()",
                test,
                '    env["LIMIT_FILES"] = "50"',
                'subprocess.run(["env"], env=env, check=True)',
            ),
            (
                "env = dict(os.environ)",
                test,
                '    env.update(LIMIT_FILES="50")',
                'subprocess.run(["env"], env=env, check=True)',
            ),
            (test, '    os.environ["LIMIT_FILES"] = "50"', 'subprocess.run(["env"], check=True)'),
        )
        yield _inserted(app, function, fault, "HP205", *ways[(number + len(app.app.name)) % 4])


def unknown_secret(app: Project) -> Iterator[Plant]:
    """A Secret that the target server does not have."""
    for function in app.remote:
        if "secrets" in function.options:
            continue
        yield _with_secrets(
            app,
            function,
            "a Secret that the server does not have",
            '[modal.Secret.from_name("huggingface-secret")]',
            "HP206",
            server_secrets=frozenset({"wandb"}),
        )


def value_in_source(app: Project) -> Iterator[Plant]:
    """A secret's value in the source."""
    fault = "a secret's value in the source"
    codes = "HP207"
    for number, function in enumerate(app.remote):
        if "secrets" not in function.options and number % 2 == 0:
            value = f'[modal.Secret.from_dict({{"WANDB_API_KEY": "{KEY}"}})]'
            yield _with_secrets(app, function, fault, value, codes)
        yield _inserted(app, function, fault, codes, f'os.environ["HF_TOKEN"] = "hf_{KEY[:34]}"')
    for source, text, place in app.after_start(f'.env({{"OPENAI_API_KEY": "sk-proj-{KEY}"}})'):
        yield app.plant(
            fault,
            ".env",
            {source.file: text},
            codes,
            places=(Place(place.file, place.first, place.last + 2),),
        )


FAULTS = (
    captured_into_secret,
    captured_into_image,
    read_without_provider,
    not_forwarded,
    decision_by_path,
    environment_passed_whole,
    unknown_secret,
    value_in_source,
)


def _with_secrets(
    app: Project, function: Function, fault: str, value: str, codes: str, **more: object
) -> Plant:
    text, place = function.with_option("secrets", value)
    if "os." in value:
        text = function.source.with_import("os", text)
    places = (Place(place.file, place.first, place.last + 2),)
    return app.plant(fault, value, {function.source.file: text}, codes, places=places, **more)


def _inserted(app: Project, function: Function, fault: str, codes: str, *lines: str, **more: object) -> Plant:
    text, place = function.with_lines(*lines)
    grown = text
    for name in ("os", "random", "subprocess"):
        if any(f"{name}." in line for line in lines):
            grown = function.source.with_import(name, grown)
    by = grown.count("\n") - text.count("\n")
    places = (Place(place.file, place.first + by, place.last + by),)
    return app.plant(
        fault,
        f"{function.node.name}: {lines[0]}",
        {function.source.file: grown},
        codes,
        places=places,
        **more,
    )
