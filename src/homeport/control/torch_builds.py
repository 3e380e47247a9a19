"""PyTorch's CPU builds in place of its CUDA builds, on machines without a GPU: whether, and from where.

`homeport up --torch cpu|exact` decides; without it, machines without a GPU take CPU builds where PyTorch's
own index answers. That it answered once is remembered in the home: keys must not change with the network.
"""

import asyncio
import os
import re
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from homeport.model.home import Home
from homeport.plan.torch_builds import describe_build, may_take_cpu_builds
from homeport.runtime.package_sources import read_package_sources
from homeport.store.settings import choose_settings, read_settings

CPU_INDEX = "https://download.pytorch.org/whl/cpu/"
_ANSWER_S = 4.0


class TorchBuilds:
    """Of one engine. `reach` tells whether PyTorch's index answers."""

    def __init__(self, home: Home, *, has_gpu: bool, reach: Callable[[], bool] | None = None) -> None:
        self._home = home
        self._has_gpu = has_gpu
        self._reach = reach or _reach
        settings = read_settings(home)
        self._wants_cpu = (settings.torch or ("exact" if has_gpu else "cpu")) == "cpu"
        self._is_reachable: bool | None = True if settings.torch_index_answered else None

    async def environment(self, command: str) -> Mapping[str, str]:
        """What a step with this command is given besides: with it, uv takes CPU builds of PyTorch."""
        if not self._wants_cpu or not may_take_cpu_builds(command):
            return {}
        if _has_own_builds(read_package_sources().env):  # uv prefers +cpu among equal versions
            return {}
        if self._is_reachable is None:
            self._is_reachable = await asyncio.to_thread(self._reach)
            if self._is_reachable:
                choose_settings(self._home, torch_index_answered=True)
        return {"UV_TORCH_BACKEND": "cpu"} if self._is_reachable else {}

    def note(self, packages: Mapping[str, str]) -> str:
        """What to say of an image that holds these packages (version by name)."""
        version = packages.get("torch", "")
        return describe_build(version, has_gpu=self._has_gpu) if version else ""


def _has_own_builds(env: Mapping[str, str]) -> bool:
    """Whether a folder of this machine's own wheels has PyTorch."""
    places = re.split(r"[\s,]+", env.get("UV_FIND_LINKS", ""))
    folders = [Path(place.removeprefix("file://")) for place in places if place]
    return any(True for folder in folders if folder.is_dir() for _ in folder.glob("torch-*+cpu-*.whl"))


def _reach() -> bool:
    certificates = read_package_sources().env.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=certificates or None)
    request = urllib.request.Request(CPU_INDEX, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S, context=context):
            return True
    except OSError:
        return False
