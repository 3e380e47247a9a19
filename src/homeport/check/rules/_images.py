"""The images of an app, step by step, as several rules walk them."""

from collections.abc import Iterator

from homeport.check.client_api import CONSTRUCTORS
from homeport.check.facts import Facts, Image, Step
from homeport.check.rules._given import remote_functions


def images_of(facts: Facts) -> Iterator[tuple[str, Image]]:
    """Each image once, with the first function that has it."""
    seen = set[int]()
    for function in remote_functions(facts):
        if function.image is not None and id(function.image) not in seen:
            seen.add(id(function.image))
            yield function.name, function.image


def steps_of(facts: Facts) -> Iterator[tuple[str, Step]]:
    """Each step of all images once, with the first function whose image has it."""
    seen = set[object]()
    for owner, image in images_of(facts):
        for step in image.steps:
            if isinstance(step, Step) and step.site not in seen:
                seen.add(step.site)
                yield owner, step


def known_start(image: Image) -> str:
    """The constructor's name where the chain is known from there on, else nothing."""
    first = image.steps[0] if image.steps else None
    return first.method if isinstance(first, Step) and first.method in CONSTRUCTORS else ""
