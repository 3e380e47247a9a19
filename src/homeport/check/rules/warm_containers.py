"""Containers that are kept running cost money while nobody calls

`min_containers=` keeps that many containers of a function up, idle or not, as long as its app is deployed,
and `buffer_containers=` more beside those that work. On Modal each second of them is paid for, with a GPU
the GPU's; on Homeport they hold the memory that they reserve. That is right for a service which must answer
at once, and seldom for training.

A note; a warning where a GPU is kept on Modal.

Bad:
    # target: modal
    import modal

    app = modal.App("cats")

    @app.function(gpu="A100", min_containers=1, timeout=3600)
    def train():
        print("training")

Good:
    # target: modal
    import modal

    app = modal.App("cats")

    @app.function(gpu="A100", max_containers=1, scaledown_window=60, timeout=3600)
    def train():
        print("training")
"""

from collections.abc import Iterator

from homeport.check.facts import Facts, Function
from homeport.check.findings import Finding, Severity
from homeport.check.rules._given import gpu_names, number, option_site, remote_functions, wants_gpu

CODE = "HP408"

_OPTIONS = ("min_containers", "buffer_containers", "keep_warm")


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        for option in _OPTIONS:
            count = number(function.options.get(option))
            if not count or count < 0:
                continue
            severity: Severity = "warning" if facts.target == "modal" and wants_gpu(function) else "note"
            yield Finding(
                CODE,
                option_site(function, option),
                f"{option}={count:g} keeps {_containers(count)} of {function.name}{_gpu(function)} up "
                "while nobody "
                f"calls, {_price(facts)}",
                severity,
                function.name,
                fix="Leave it out, unless callers cannot wait for a start; scaledown_window= keeps "
                "containers after "
                "a call.",
            )


def _containers(count: float) -> str:
    return "a container" if count == 1 else f"{count:g} containers"


def _gpu(function: Function) -> str:
    names = gpu_names(function)
    return f" with {names[0].upper()}" if names else " with a GPU" if wants_gpu(function) else ""


def _price(facts: Facts) -> str:
    if facts.target == "modal":
        return "and each second of that is paid for"
    return "which costs this machine's memory, and on Modal money by the second"
