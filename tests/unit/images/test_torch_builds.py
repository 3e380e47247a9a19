"""Whether steps get PyTorch's CPU builds: by choice, by the machine, and whether their index answers."""

import asyncio
from pathlib import Path

import pytest

from homeport.control.torch_builds import TorchBuilds
from homeport.model.home import Home
from homeport.store.settings import choose_settings
from tests.unit.images.workshop import Shop, Workshop

INSTALL = "pip install torch"
CPU = {"UV_TORCH_BACKEND": "cpu"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    home = Home(tmp_path / "home")
    home.create()
    return home


def given(home: Home, *, has_gpu: bool, answers: bool, command: str = INSTALL) -> dict[str, str]:
    builds = TorchBuilds(home, has_gpu=has_gpu, reach=lambda: answers)
    return dict(asyncio.run(builds.environment(command)))


def test_without_a_gpu_cpu_builds_are_taken_where_they_can_be_had(home: Home) -> None:
    assert given(home, has_gpu=False, answers=False) == {}
    assert given(home, has_gpu=True, answers=True) == {}
    assert given(home, has_gpu=False, answers=True) == CPU
    assert given(home, has_gpu=False, answers=False) == CPU, (
        "an index that answered once keeps the steps' keys"
    )
    assert given(home, has_gpu=False, answers=True, command="pip install torch==2.5.1+cu121") == {}


def test_the_users_choice_wins_and_is_remembered(home: Home) -> None:
    choose_settings(home, torch="exact")
    assert given(home, has_gpu=False, answers=True) == {}
    choose_settings(home, torch=None)
    assert given(home, has_gpu=False, answers=True) == {}
    choose_settings(home, torch="cpu")
    assert given(home, has_gpu=True, answers=True) == CPU


def test_this_machines_own_cpu_wheels_are_enough(home: Home, tmp_path: Path) -> None:
    (tmp_path / "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl").touch()
    assert given(home, has_gpu=False, answers=True) == {}


def test_the_choice_is_part_of_a_steps_key_and_reaches_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = "RUN echo backend ${UV_TORCH_BACKEND-none} > /opt/backend # pip install"

    async def use(shop: Shop) -> None:
        first = await shop.derive(step)
        assert await shop.look(first, "cat /opt/backend") == "backend none"

        async def cpu(command: str) -> dict[str, str]:
            return CPU

        monkeypatch.setattr(shop.images._torch, "environment", cpu)
        second = await shop.derive(step)
        assert await shop.look(second, "cat /opt/backend") == "backend cpu"
        assert first.image_id != second.image_id

    workshop.run(use)
