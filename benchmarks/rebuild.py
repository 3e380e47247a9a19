"""Rebuilding an image: after a changed source file 0.3 s, eight packages from a warm cache 0.6 s.

Measured in a client that runs already, from the call of `image.build()` to its return. The changed file is
copied into the image (`copy=True`), or mounted, where nothing is built: then the app's set-up is measured,
beside the same against a null server. The packages' peers, each with its own warm cache and into an empty
folder, are pip, which compiles bytecode, too, and uv with hard links, which does not.
"""

import shutil
import subprocess
import sys
import time

import uv

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles

COPY_BAR_S = 0.3
PACKAGES_BAR_S = 0.6
PACKAGES = ("click", "einops", "idna", "pyyaml", "requests", "rich", "tqdm", "typing_extensions")


def run(bench: Bench) -> list[Figure]:
    told = "rebuild.py", bench.scratch
    with (
        caller(bench, bench.engine(), *told) as builder,
        bench.null() as null,
        caller(bench, null, *told) as idle,
    ):
        copies, mounted, null_mounted = [], [], []
        for number in range(bench.runs + 1):
            copies.append(builder.ask(what="copy", number=number)["took_s"])
            mounted.append(builder.ask(what="mounted", number=number)["took_s"])
            null_mounted.append(idle.ask(what="mounted", number=number)["took_s"])
        packages, by_uv, pip, bare_uv = [], [], [], []
        for number in range(max(3, bench.runs // 3) + 1):
            packages.append(builder.ask(what="pip_install", number=number, names=PACKAGES)["took_s"])
            by_uv.append(builder.ask(what="uv_pip_install", number=number, names=PACKAGES)["took_s"])
            pip.append(_pip_s(bench))
            bare_uv.append(_uv_s(bench))
    for figure in (copies, mounted, null_mounted, packages, by_uv, pip, bare_uv):
        del figure[0]  # cold
    share = [one - other for one, other in zip(mounted, null_mounted, strict=True)]
    return [
        Figure(
            "rebuild after a changed source file (copy=True)",
            f"{COPY_BAR_S} s",
            median(copies),
            "s",
            len(copies),
            passed=median(copies) <= COPY_BAR_S,
            spread=quartiles(copies),
        ),
        Figure(
            "a changed mounted file: engine's share of the app's set-up",
            f"{COPY_BAR_S} s",
            median(share),
            "s",
            len(share),
            passed=median(share) <= COPY_BAR_S,
            reference="the same against a null server",
            reference_value=median(null_mounted),
            ratio=median(mounted) / median(null_mounted),
            spread=quartiles(share),
        ),
        Figure(
            "eight packages from a warm cache",
            f"{PACKAGES_BAR_S} s",
            median(packages),
            "s",
            len(packages),
            passed=median(packages) <= PACKAGES_BAR_S,
            reference="pip install --target, warm cache",
            reference_value=median(pip),
            ratio=median(packages) / median(pip),
            spread=quartiles(packages),
            parts={"uv alone, hard links, no bytecode s": median(bare_uv)},
        ),
        Figure(
            "the same by uv_pip_install",
            f"{PACKAGES_BAR_S} s",
            median(by_uv),
            "s",
            len(by_uv),
            passed=median(by_uv) <= PACKAGES_BAR_S,
            reference="uv pip install --target, warm cache, hard links, no bytecode",
            reference_value=median(bare_uv),
            ratio=median(by_uv) / median(bare_uv),
            spread=quartiles(by_uv),
        ),
    ]


def _pip_s(bench: Bench) -> float:
    cache = {"PIP_CACHE_DIR": str(bench.scratch / "pip-cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return _installed_s(bench, [_pip(), "install", "-q"], cache)


def _uv_s(bench: Bench) -> float:
    cache = {"UV_CACHE_DIR": str(bench.scratch / "uv-cache"), "UV_LINK_MODE": "hardlink"}
    command = [uv.find_uv_bin(), "pip", "install", "-q", "--python", sys.executable]
    return _installed_s(bench, command, cache)


def _installed_s(bench: Bench, command: list[str], env: dict[str, str]) -> float:
    target = bench.scratch / "installed"
    shutil.rmtree(target, ignore_errors=True)
    started = time.perf_counter()
    process = bench.start(
        [*command, "--target", str(target), *PACKAGES],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{said}")
    return time.perf_counter() - started


def _pip() -> str:
    """pip of this machine: the virtual environment has none."""
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise RuntimeError("there is no pip on this machine to compare with")
    return found
