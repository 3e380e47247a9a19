"""A function requires a variable that nobody gives it.

A container's environment is made of the image's `env`, the function's Secrets, its `env=` and what the
platform sets; the shell where `modal run` is typed has no way in. `os.environ["X"]` of a name that is in
none of these ends with KeyError. At the top of the app's file this holds for every function: the file is
imported in each container, so a Secret that is made of `os.environ["X"]` there has to be given to all of
them.

The rule says nothing of a function with a Secret whose variables are not known, and of names that the
platform or launchers such as torchrun set. At the top of the file it also looks at the launcher's own
shell.

Bad:

    import os
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim())
    def train():
        print(os.environ["DATA_VERSION"])

Bad:

    # shell: HF_TOKEN
    import os
    import modal

    app = modal.App("train")
    token = modal.Secret.from_dict({"HF_TOKEN": os.environ["HF_TOKEN"]})

    @app.function(image=modal.Image.debian_slim(), secrets=[token])
    def train():
        print("with the token")

    @app.function(image=modal.Image.debian_slim())
    def evaluate():
        print("this one fails at the line that makes the Secret")

Good:

    import os
    import modal

    app = modal.App("train")
    image = modal.Image.debian_slim().env({"DATA_VERSION": "3"})

    @app.function(image=image)
    def train():
        print(os.environ["DATA_VERSION"], os.environ.get("SEED", "0"))
"""

import re
from collections.abc import Iterator

from homeport.check.facts import Call, EnvironmentRead, Facts, Function, Secret
from homeport.check.findings import Finding, Severity
from homeport.check.redaction import names_a_secret
from homeport.check.values import is_known
from homeport.check.variables import Read, has_opaque_base, is_given_by_itself, reads

CODE = "HP202"

CATCHES = frozenset(("KeyError", "LookupError", "Exception", "BaseException", ""))


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        if function.name in facts.containers:
            yield from _in_container(facts, function)
    yield from _at_launch(facts)


def _in_container(facts: Facts, function: Function) -> Iterator[Finding]:
    container = facts.containers[function.name]
    said: set[str] = set()
    for read in reads(facts, function):
        event, name = read.event, read.event.name
        if not _is_bare(event) or read.is_anything_set or read.is_given or not isinstance(name, str):
            continue
        if name in said or name in read.written or name in read.asked or name in container.environment:
            continue
        if function.options.get("serialized") is True and event.scope == "" and event.module is facts.entry:
            continue  # its module is not imported in the container
        said.add(name)
        if not container.has_unknown_secrets:
            yield _finding(facts, function, read, name)
        else:
            yield from _unproven(function, event, name)


def _named_secrets(function: Function) -> list[str]:
    """The Secrets of the server that a function has; none where anything else may give variables, too."""
    names: list[str] = []
    for secret in function.secrets:
        if not isinstance(secret, Secret):
            return []
        if secret.kind == "from_name":
            name = secret.args[0] if secret.args else secret.options.get("name")
            if not isinstance(name, str):
                return []
            names.append(name)
        elif not is_known(secret.args) or not is_known(dict(secret.options)):
            return []
    return names


def _sounds_alike(secret: str, variable: str) -> bool:
    """`wandb-secret` is expected to hold WANDB_API_KEY, `huggingface` HF_TOKEN."""
    words = {word for word in re.split(r"[^a-z0-9]+", variable.lower()) if len(word) > 2 or word == "hf"}
    words |= {"huggingface", "hugging"} if "hf" in words else set()
    if any(word in secret.lower() for word in words - {"key", "token", "api", "secret"}):
        return True
    named = {word for word in re.split(r"[^a-z0-9]+", secret.lower()) if len(word) > 3} - {
        "secret",
        "secrets",
        "keys",
    }
    return any(word in variable.lower() for word in named)


def _unproven(function: Function, event: EnvironmentRead, name: str) -> Iterator[Finding]:
    secrets = _named_secrets(function)
    if secrets and not any(_sounds_alike(secret, name) for secret in secrets):
        holders = " or ".join(f"'{secret}'" for secret in secrets)
        yield Finding(
            CODE,
            event.site,
            f"cannot prove that {function.name} has the variable {name}, which it requires: only the Secret "
            f"{holders} can give it, and what is in there is not known here",
            "note",
            function.name,
            f'have it checked at the start: modal.Secret.from_name("{secrets[0]}", required_keys=["{name}"])',
        )


def _is_bare(event: EnvironmentRead) -> bool:
    """Whether the name has to be there, and nothing waits for it not to be."""
    if not event.is_required or not isinstance(event.name, str) or is_given_by_itself(event.name):
        return False
    return not (event.guards & {"try", "try_import"} and event.caught & CATCHES)


def _finding(facts: Facts, function: Function, read: Read, name: str) -> Finding:
    event = read.event
    is_sure = event.is_certain and not has_opaque_base(function) and "with_options(" not in facts.entry.text
    is_sure = is_sure and (read.child is None or _ends_the_run(read.child))
    severity: Severity = "error" if is_sure else "warning"
    giver = _giver(facts, name)
    is_top = event.scope == "" and event.module is facts.entry
    when = "when its container imports the file" if is_top else "when it gets there"
    shell = "; that this shell exports it changes nothing" if name in facts.launcher.variables else ""
    fix = f'add secrets=[modal.Secret.from_local_environ(["{name}"])]'
    if not names_a_secret(name):
        fix = f'add env={{"{name}": …}} to the function, or .env({{"{name}": …}}) to its image'
    others: tuple[str, ...] = (f'read it with os.environ.get("{name}")',)
    if giver:
        fix, others = f"give {function.name} the Secret that {giver} has", (fix, *others)
    if is_top:
        others = (*others, "read it under `if modal.is_local():`")
    return Finding(
        CODE,
        event.site,
        f"the variable {name} is required in the container of {function.name}, and nothing gives it: no "
        f"Secret, no env, no image{shell}; it ends with KeyError {when}",
        severity,
        function.name,
        fix,
        others,
        related=tuple((site, "reached by this") for site in event.via[-1:] if site != event.site),
    )


def _ends_the_run(child: Call) -> bool:
    """Whether the function fails where its child process does."""
    return (
        child.name in ("subprocess.check_call", "subprocess.check_output")
        or child.options.get("check") is True
    )


def _giver(facts: Facts, name: str) -> str:
    """Another function of the app whose Secrets have it."""
    for other, container in facts.containers.items():
        given = container.environment.get(name)
        if given is not None and given[1].startswith("secret"):
            return other
    return ""


def _at_launch(facts: Facts) -> Iterator[Finding]:
    """What the file requires of the shell that types the command; another shell may have it."""
    said: set[str] = set()
    for event in () if facts.launcher.is_elsewhere else facts.launch_events:
        if (
            not isinstance(event, EnvironmentRead)
            or event.scope
            or not _is_bare(event)
            or not event.is_certain
        ):
            continue
        name = str(event.name)
        if name in facts.launcher.variables or name in said:
            continue
        said.add(name)
        yield Finding(
            CODE,
            event.site,
            f"the app needs the variable {name} of the shell that types the command, and this shell has "
            "none: it ends with KeyError before anything starts",
            "warning",
            "",
            f"export {name}, or read it with os.environ.get",
        )
