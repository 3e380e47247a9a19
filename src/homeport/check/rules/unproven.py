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

from collections.abc import Iterable

from homeport.check.facts import Facts
from homeport.check.findings import Finding
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
        if function.kind == "local_entrypoint" or function.image is None:
            continue
        for step in function.image.steps:
            if isinstance(step, Unknown):
                site = step.site or function.option_sites.get("image") or function.image.site
                said = f"cannot prove what the image of {function.name} holds: a part of it {step.why}"
                yield Finding(CODE, site, said, "note", function.name)
