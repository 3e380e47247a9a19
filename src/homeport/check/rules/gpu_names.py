"""A GPU that there is not

`gpu=` is the name of a GPU, or a list of them by preference, each with `:N` for N of them: "A100",
"H100:8", ["H100", "A100-80GB:2"]. A name that the server does not know is refused when the app starts.
Upper and lower case make no difference, and "any" leaves the choice to the server. Homeport also takes the
names of devices of the machine that it runs on, so an unknown name that looks like another card is a
warning there.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(gpu="A100-80G")
    def train():
        print("training")

Bad:
    # target: modal
    import modal

    app = modal.App("cats")

    @app.function(gpu=["H1000", "RTX4090"])
    def train():
        print("training")

Good:
    import modal

    app = modal.App("cats")

    @app.function(gpu=["H100", "a100-80gb:2", "any"])
    def train():
        print("training")
"""

import ast
import re
from collections.abc import Iterator

from homeport.check.facts import Facts, Function, Made
from homeport.check.findings import Edit, Finding, Severity
from homeport.check.rules._given import decorator, keyword, option_site, remote_functions, site_of
from homeport.check.values import Value, is_known
from homeport.plan import gpus, suggestions

CODE = "HP409"

_OTHER_CARDS = re.compile(
    r"(?:NVIDIA[ -]?)?(?:GEFORCE[ -]?|QUADRO[ -]?|TESLA[ -]?|RTX|GTX|TITAN"
    r"|[VPKMAHBTL]\d{1,4}\w?\b|GB\d{2,3}\b)",
    re.IGNORECASE,
)
_MOST = {"A10": 4, "A10G": 4}  # of one machine of Modal's; of the others 8
_MOST_OF_OTHERS = 8


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        value = function.options.get("gpu")
        if value is None or not is_known(value) or isinstance(value, Made):
            continue
        alternatives = _alternatives(value)
        if alternatives is None:
            yield Finding(
                CODE,
                option_site(function, "gpu"),
                f"gpu={value!r} of {function.name} is no name of a GPU, and the client refuses it",
                "error",
                function.name,
                fix='Give a name such as "A100", or a list of names.',
            )
            continue
        for name in alternatives:
            found = _mistake(name, facts.target)
            if found is None:
                continue
            severity, what, near = found
            # a card that may be in this machine, or another number of cards, is not surely what was meant
            is_other_name = near.partition(":")[0].upper() != name.partition(":")[0].upper()
            is_sure = near and is_other_name and severity == "error"
            yield Finding(
                CODE,
                option_site(function, "gpu"),
                f'gpu="{name}" of {function.name} {what}',
                severity,
                function.name,
                fix=f'Write gpu="{near}".' if near else "",
                edits=tuple(_edits(function, name, near)) if is_sure else (),
            )


def _alternatives(value: Value) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple) and all(isinstance(name, str) for name in value):
        return value
    return None


def _mistake(text: str, target: str) -> tuple[Severity, str, str] | None:
    """How bad, what is wrong, and what was meant, where that can be told."""
    name, colon, number = text.partition(":")
    if name.upper() in gpus.ANY and not colon:
        return None
    try:
        count = int(number) if colon else 1
    except ValueError:
        return "error", f"has {number!r} for a number of GPUs, and the client refuses it", ""
    if count < 1:
        return "error", "asks for no GPU: leave gpu= out to run on the CPU", ""
    known = {each.upper() for each in gpus.NAMES}
    if name.upper() in known:
        most = _MOST.get(name.upper(), _MOST_OF_OTHERS)
        if count > most:
            severity: Severity = "error" if target == "modal" else "note"
            return (
                severity,
                f"is more than the {most} of them that a machine of Modal's has",
                f"{name}:{most}",
            )
        return None
    near = suggestions.closest(name, gpus.NAMES)
    what = f"is no GPU that Modal knows; it knows {', '.join(gpus.NAMES)}"
    may_be_here = target == "homeport" and _OTHER_CARDS.match(name) and not _is_slip(name, known)
    return ("warning" if may_be_here else "error"), what, f"{near}{colon}{number}" if near else ""


def _is_slip(name: str, known: set[str]) -> bool:
    """Whether it is a known name with a size that no device is called by, as A100-80G."""
    return any(
        re.fullmatch(rf"{re.escape(each)}-?\d+G?", name.upper()) for each in known if "-" not in each
    ) and ("-" in name or name.upper().endswith("G"))


def _edits(function: Function, name: str, near: str) -> Iterator[Edit]:
    word = keyword(decorator(function), "gpu")
    for node in ast.walk(word.value) if word else ():
        if isinstance(node, ast.Constant) and node.value == name and node.lineno == node.end_lineno:
            yield Edit(site_of(function, node), f'"{near}"')
