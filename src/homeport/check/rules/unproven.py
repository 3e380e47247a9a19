"""What cannot be proved, since a value is not known.

Reading the source follows what it can, and loading the app gives the rest. Where both end, because a value is
made by code that is not followed, what depends on it is neither right nor wrong: nothing is said of it but
this. `homeport check` without --static knows most of it.

Bad:
    import images_of_ours
    import modal

    app = modal.App("unproven")
    image = images_of_ours.with_everything(modal.Image.debian_slim())


    @app.function(image=image)
    def work() -> int:
        return 1

Good:
    import modal

    app = modal.App("proven")
    image = modal.Image.debian_slim().pip_install("numpy==2.3.4")


    @app.function(image=image)
    def work() -> int:
        return 1
"""

from collections.abc import Iterable, Iterator

from homeport.check.facts import Event, Facts, Function, Import, UnprovenModule
from homeport.check.findings import Finding
from homeport.check.missing_imports import severity_of
from homeport.check.values import Unknown

CODE = "HP003"


def check(facts: Facts) -> Iterable[Finding]:
    for unknown in facts.app.unknown if facts.app.functions else ():
        yield Finding(
            CODE,
            unknown.site or facts.app.site,
            f"cannot prove all of the app: a part of it {unknown.why}",
            "note",
        )
    for function in facts.app.functions:
        if function.kind != "local_entrypoint":
            yield from _of_image(function)
            yield from _of_imports(function, facts.events.get(function.name, ()))


def _of_image(function: Function) -> Iterator[Finding]:
    image = function.image
    for step in image.steps if image else ():
        if image and isinstance(step, Unknown):
            site = step.site or function.option_sites.get("image") or image.site
            said = f"cannot prove what the image of {function.name} holds: a part of it {step.why}"
            yield Finding(CODE, site, said, "note", function.name)


def _of_imports(function: Function, events: Iterable[Event]) -> Iterator[Finding]:
    """Imports that may or may not find their module, each reason once. Of an image that is not known in a
    part, that part says it.
    """
    is_image_known = function.image is None or not any(
        isinstance(step, Unknown) for step in function.image.steps
    )
    said: set[str] = set()
    for event in events:
        if not isinstance(event, Import) or not isinstance(event.resolution, UnprovenModule):
            continue
        if severity_of(event) is None or "try_import" in event.guards:
            continue
        why = event.resolution.why
        if why in said or not (is_image_known or isinstance(event.name, Unknown)):
            continue
        said.add(why)
        what = f"module '{event.name}'" if isinstance(event.name, str) else "what is imported here"
        message = f"cannot prove that {what} is in the container of {function.name}: {why}"
        yield Finding(CODE, event.site, message, "note", function.name)
