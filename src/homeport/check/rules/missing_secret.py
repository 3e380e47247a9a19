"""The server that the app is run on has no Secret of this name.

`modal.Secret.from_name("wandb")` is looked up when the app starts. Where the server has none of that name
the command ends before anything runs. A Secret of Modal's cloud is not one of Homeport's: each server has
its own.

The names are those that Homeport's engine holds; the rule says nothing where they are not known.

Bad:

    # secrets: wandb
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim(), secrets=[modal.Secret.from_name("absent")])
    def train():
        print("hello")

Good:

    # secrets: wandb
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim(), secrets=[modal.Secret.from_name("wandb")])
    def train():
        print("hello")
"""

from collections.abc import Iterator

from homeport.check.facts import Facts, Function, Image, Secret, Step
from homeport.check.findings import Finding
from homeport.plan import suggestions

CODE = "HP206"


def check(facts: Facts) -> Iterator[Finding]:
    known = facts.server_secrets
    if known is None:
        return
    seen: set[Secret] = set()
    for function in facts.app.functions:
        for secret in _secrets(function):
            name = _name(secret)
            if secret in seen or name is None or name in known:
                continue
            seen.add(secret)
            yield _finding(secret, name, known, function.name, facts.target)


def _secrets(function: Function) -> Iterator[Secret]:
    """Of the function, of the image's steps, and of buckets that it mounts."""
    for secret in function.secrets:
        if isinstance(secret, Secret):
            yield secret
    for step in function.image.steps if isinstance(function.image, Image) else ():
        if isinstance(step, Step):
            given = step.options.get("secrets")
            for part in (*(given if isinstance(given, tuple) else ()), step.options.get("secret")):
                if isinstance(part, Secret):
                    yield part
    for volume in function.volumes.values():
        of_bucket = getattr(volume, "options", {}).get("secret")
        if isinstance(of_bucket, Secret):
            yield of_bucket


def _name(secret: Secret) -> str | None:
    """None where it cannot be told, and of Secrets of another environment, which are not listed."""
    if secret.kind != "from_name" or secret.options.get("environment_name") is not None:
        return None
    name = secret.args[0] if secret.args else secret.options.get("name")
    return name if isinstance(name, str) else None


def _finding(secret: Secret, name: str, known: frozenset[str], function: str, target: str) -> Finding:
    command = "homeport modal secret create" if target == "homeport" else "modal secret create"
    near = suggestions.closest(name, sorted(known))
    required = secret.options.get("required_keys")
    keys = [key for key in required if isinstance(key, str)] if isinstance(required, tuple) else []
    return Finding(
        CODE,
        secret.site,
        f"{target} has no Secret '{name}', so the run is refused before anything starts",
        "error",
        function,
        f"make it: {command} {name} {' '.join(f'{key}=…' for key in keys) or 'KEY=VALUE'}",
        (f"use '{near}', which there is",) if near else (),
    )
