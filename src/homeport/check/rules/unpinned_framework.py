"""A framework is installed in whatever version there is

`pip_install("torch")` takes the newest version when the image is first built, and another one when it is
built anew, elsewhere or after a change of a step before it. Between versions of these packages checkpoints,
numbers and memory change, and with a new CUDA version the GPU's driver may not do. A version that is
written down keeps the runs comparable.

Bad:
    import modal

    image = modal.Image.debian_slim().pip_install("torch", "numpy")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")

Good:
    import modal

    image = modal.Image.debian_slim().pip_install("torch==2.13.0", "numpy")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
"""

import re
from collections.abc import Iterator

from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.check.rules._images import steps_of

CODE = "HP126"

_FRAMEWORKS = [
    "torch",
    "torchvision",
    "torchaudio",
    "tensorflow",
    "jax",
    "jaxlib",
    "flax",
    "transformers",
    "accelerate",
    "diffusers",
    "lightning",
    "pytorch-lightning",
    "deepspeed",
    "vllm",
    "flash-attn",
    "bitsandbytes",
    "xformers",
]


def check(facts: Facts) -> Iterator[Finding]:
    for owner, step in steps_of(facts):
        if step.method not in ("pip_install", "uv_pip_install"):
            continue
        names = [name for arg in step.args for name in (arg if isinstance(arg, tuple) else (arg,))]
        open_ones = [name for name in names if isinstance(name, str) and _bare(name) in _FRAMEWORKS]
        if open_ones:
            many = len(open_ones) > 1
            yield Finding(
                CODE,
                step.site,
                f"{step.method}() installs {', '.join(open_ones)} in whatever "
                f"version{'s there are' if many else ' there is'} when the image is built",
                "note",
                owner,
                fix=f'Write down the version{"s" if many else ""}, as "{open_ones[0]}==…".',
            )


def _bare(requirement: str) -> str:
    """The package's name where nothing is said of its version, else nothing."""
    found = re.fullmatch(r"\s*([\w.-]+)(?:\[[^\]]*\])?\s*(?:;.*)?", requirement)
    return found[1].lower().replace("_", "-") if found else ""
