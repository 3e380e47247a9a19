"""The client in containers."""

from pathlib import Path

import pytest

from homeport.model.errors import FailedPreconditionError, InvalidError
from homeport.runtime import client_bundle
from homeport.runtime.client_bundle import _relaxed, ensure_client_bundle
from homeport.runtime.pythons import PythonLayer
from tests.unit.images.workshop import Shop, Workshop


def test_a_pin_that_the_index_lacks_keeps_its_major_version() -> None:
    assert _relaxed("aiohttp", "3.12.7") == "aiohttp==3.*"
    assert _relaxed("certifi", "2026.10.19") == "certifi"


def test_missing_pins_are_replaced_one_by_one(
    tmp_path: Path, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    said: list[str] = []

    async def install(home: object, python: object, target: Path, *arguments: str) -> None:
        text = Path(arguments[1]).read_text()
        asked.append(text)
        for pin in ("aiohttp==3.12.7", "certifi==2026.10.19"):
            if pin in text:
                raise FailedPreconditionError(
                    f"Because there is no version of {pin} and you require {pin}, …"
                )

    monkeypatch.setattr(client_bundle, "_install", install)
    pins = 'aiohttp==3.12.7 ; python_version < "3.14"\ncertifi==2026.10.19\nh2==4.2.0\n'
    target = tmp_path / "tree/__modal/deps"
    target.mkdir(parents=True)
    python = PythonLayer(tmp_path, "3.11", "3.11.2", "")

    async def use(shop: Shop) -> None:
        replaced = await client_bundle._install_pins(workshop.home, python, target, pins, said.append)
        assert replaced == ["no version of aiohttp==3.12.7", "no version of certifi==2026.10.19"]

    workshop.run(use)
    assert asked[-1] == 'aiohttp==3.* ; python_version < "3.14"\ncertifi\nh2==4.2.0\n'
    assert len(said) == 2


def test_a_version_that_cannot_be_had_is_one_sentence(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_such_version(*given: object) -> str:
        raise FailedPreconditionError("`uv pip install …` failed:\nnoise\n  cause: there is no modal==9.9.9.")

    monkeypatch.setattr(client_bundle, "run_uv", no_such_version)

    async def use(shop: Shop) -> None:
        with pytest.raises(FailedPreconditionError) as refusal:
            await client_bundle._client_source(workshop.home, shop.images._store, "9.9.9")
        assert "\n" not in str(refusal.value)
        assert "gave no modal 9.9.9: cause: there is no modal==9.9.9. Install modal==" in str(refusal.value)

    workshop.run(use)


def test_a_version_that_is_none_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    python = PythonLayer(tmp_path, "3.11", "3.11.2", "")

    async def use(shop: Shop) -> None:
        with pytest.raises(InvalidError, match="no version"):
            await ensure_client_bundle(
                workshop.home, shop.images._store, python, "../evil", "2025.06", lambda line: None
            )

    workshop.run(use)
