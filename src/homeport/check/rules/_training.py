"""How several rules tell that a function trains, and that it goes on from what it saved."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from homeport.check.facts import Call, Event, Facts, Function, Module, Volume
from homeport.check.rules._given import site_of, wants_gpu
from homeport.check.values import Site

_OPTIMISERS = re.compile(
    r"(?:^|[._])(?:optim(?:i[sz]er)?s?|opt|scaler|accelerator)(?:[._\d]|$)", re.IGNORECASE
)
_TRAINERS = re.compile(
    r"(?:^|[._])(?:trainer|learner)\w*(?:\(\))?\.(?:train|fit|fit_one_cycle|learn)$", re.IGNORECASE
)
_COUNTERS = re.compile(r"^(?:epoch|step|iteration|it|batch_idx|global_step)s?\w*$", re.IGNORECASE)
_COMMANDS = re.compile(
    r"(?:^|[/\s])(?:torchrun|deepspeed)(?:\s|$)|accelerate launch|torch\.distributed"
    r"|(?:^|[/\s.])(?:pre)?train\w*(?:\.py)?(?:\s|$)|(?:^|[/\s.])fine_?tun\w+(?:\.py)?(?:\s|$)"
)
_NAMED = re.compile(
    r"(?:\w*_)?(?:(?:pre|re)?train|fit|fine_?tune)(?:_(?:model|on_gpu|gpu|remote|modal|loop|run|epochs?|job))*",
    re.IGNORECASE,
)
_RUN = ("subprocess.run", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen", "os.system",
        "subprocess.call", "runpy.run_path", "runpy.run_module")  # fmt: skip

_RESUMES = re.compile(
    r"resum|restor|load_state_dict|load_checkpoint|load_weights|torch\.load|torch_load|load_ckpt|ckpt_path"
    r"|from_checkpoint|last_checkpoint|latest_checkpoint|get_last|find_latest|latest_ckpt|last_ckpt"
    r"|load_state\(|load_model\(|already_done|is_done|start_epoch|start_step"
    r"|(?:latest|last|done|finished|ckpt|checkpoint|snapshot|saved?|state)\w*\.(?:exists|is_file)\(",
    re.IGNORECASE,
)
_LOOKS_FIRST = re.compile(
    r"exists\(|is_file\(|isfile\(|latest|glob\([^)]*(?:ckpt|check|\.pt|step|epoch)", re.IGNORECASE
)


@dataclass(frozen=True)
class Evidence:
    """What shows that a function trains: where, and the end of a sentence after "it trains: ..."."""

    site: Site
    what: str
    is_child: bool = False  # a child process does it, whose code is not followed


def training(function: Function, events: Iterable[Event]) -> Evidence | None:
    """What shows best that a function trains, if anything does."""
    calls = [event for event in events if isinstance(event, Call)]
    return next((found for look in _LOOKS for found in look(function, calls)), None)


def _steps(function: Function, calls: list[Call]) -> Iterator[Evidence]:
    for call in calls:
        if _is_training_call(call.name, call.node):
            yield Evidence(call.site, f"it calls {call.name}()")
    for node in ast.walk(function.node):  # also where the walk did not come
        if isinstance(node, ast.Call) and _is_training_call(name := _dotted(node.func), node):
            yield Evidence(site_of(function, node), f"it calls {name}()")


def _is_training_call(name: str, node: ast.Call) -> bool:
    owner, _, method = name.rpartition(".")
    if method == "backward":
        return bool(owner)
    if method == "step":
        return bool(_OPTIMISERS.search(owner))
    if method in ("fit", "train", "partial_fit") and any(
        word.arg in ("epochs", "num_epochs", "max_epochs", "n_epochs") for word in node.keywords
    ):
        return bool(owner)
    return bool(_TRAINERS.search(name))


def _loops(function: Function, calls: list[Call]) -> Iterator[Evidence]:
    for node in ast.walk(function.node):
        if isinstance(node, ast.For | ast.AsyncFor):
            names = [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]
            if any(name.lower().startswith("epoch") for name in names):
                yield Evidence(site_of(function, node.target), "it loops over epochs")
            elif wants_gpu(function) and any(_COUNTERS.match(name) for name in names):
                yield Evidence(site_of(function, node.target), f"it loops over {names[0]} with a GPU")


def _children(function: Function, calls: list[Call]) -> Iterator[Evidence]:
    for call in calls:
        if call.name in _RUN and call.args:
            words = call.args[0] if isinstance(call.args[0], tuple) else (call.args[0],)
            line = " ".join(str(word) for word in words if isinstance(word, str) or hasattr(word, "parts"))
            if found := _COMMANDS.search(line):
                is_followed = any(call.site in other.via for other in calls)
                what = f"it runs {found.group().strip(' /.')}"
                yield Evidence(call.site, what, is_child=not is_followed)


def _names(function: Function, calls: list[Call]) -> Iterator[Evidence]:
    """A function that is named so and has what a training takes: a GPU, or a Volume for the result."""
    if function.kind != "function" or not _NAMED.fullmatch(function.name):
        return
    keeps = any(isinstance(each, Volume) and not each.read_only for each in function.volumes.values())
    if wants_gpu(function) or keeps:
        has = "a GPU" if wants_gpu(function) else "a Volume to write to"
        yield Evidence(function.site, f"its name says so, and it has {has}")


_LOOKS = (_steps, _loops, _children, _names)


def goes_on(facts: Facts, function: Function, events: Iterable[Event]) -> bool:
    """Whether anything in a function, or in what its code leads through, looks as if it read back what an
    earlier attempt saved."""
    own = _segment(function.module.text, function.node)
    if _RESUMES.search(own) or _LOOKS_FIRST.search(own):
        return True
    scopes: dict[Module, set[str]] = {}
    for event in events:
        scopes.setdefault(event.module, set()).add(event.scope.partition(".")[0])
    return any(
        _RESUMES.search(text) for module, names in scopes.items() for text in _texts(function, module, names)
    )


def _texts(function: Function, module: Module, names: set[str]) -> Iterator[str]:
    """The functions and classes of a module that code leads through; all of one that runs by itself."""
    if module.path != function.module.path and "" in names:
        yield module.text
        return
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in names:
            yield _segment(module.text, node)


def _segment(text: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return f"{owner}.{node.attr}" if owner else node.attr
    if isinstance(node, ast.Call):
        owner = _dotted(node.func)
        return f"{owner}()" if owner else ""
    return ""
