"""Pythons of this machine, as containers get them."""

import asyncio
import os
from importlib import metadata
from pathlib import Path

import pytest

from homeport.model.errors import FailedPreconditionError
from homeport.runtime import pythons
from homeport.runtime.pythons import _by_version, _with_relative_library_path
from tests.unit.images.workshop import PRELUDE, Shop, Workshop

ENTRYPOINT = "import modal._container_entrypoint, sys; print(*sys.version_info[:2], sys.prefix)"


@pytest.mark.slow
@pytest.mark.parametrize("series", ["3.10", "3.13"])  # the oldest and the newest; 3.11 is every test's
def test_the_client_runs_on_each_python_of_this_machine(workshop: Workshop, series: str) -> None:
    if series not in pythons.present_series(workshop.home):
        pytest.skip(f"Python {series} is not on this machine")

    async def use(shop: Shop) -> None:
        base = await shop.build(f"FROM python:{series}-slim-bookworm", *PRELUDE[1:])
        image = await shop.derive("RUN pip install six", base=base.image_id)
        bundle = await shop.images.client_bundle(image.image_id, metadata.version("modal"))
        found = await shop.look(image, f"python -c '{ENTRYPOINT}'", *bundle)
        # 1.6.4 says first that 3.10 will not be supported for much longer
        assert found.splitlines()[-1] == f"{series.replace('.', ' ')} /usr/local"
        # bytecode is there and valid: nothing is left to compile at each start
        loading = "python -v -c 'import modal._container_entrypoint' 2>&1"
        compiled = 'grep -c "^# code object from \'/pkg/modal.*pyc"'
        assert int(await shop.look(image, f"{loading} | {compiled}", *bundle)) > 50
        compiling = "grep -c '^# code object from /'"
        assert await shop.look(image, f"{loading} | {compiling}", *bundle) == "0"
        assert await shop.look(image, "python -m pip --version") != ""
        made_at = f"grep -rIl {workshop.home.root} /usr/local/bin"
        assert await shop.look(image, made_at) == ""
        assert await shop.look(image, "python -c 'import sqlite3, ssl, ctypes, lzma, bz2; print(1)'") == "1"

    workshop.run(use)


def test_an_extension_module_compiles(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN true")
        if await shop.look(image, "which gcc") == "":
            pytest.skip("this machine has no gcc")
        include = "python -c 'import sysconfig; print(sysconfig.get_path(\"include\"))'"
        if await shop.look(image, f"ls $({include})/Python.h") == "":
            pytest.skip("this machine's Python has no headers")
        code = "#include <Python.h>\\nint main(void) { return PY_MAJOR_VERSION - 3; }"
        built = f"printf '{code}' > /tmp/a.c && gcc -c -I$({include}) /tmp/a.c -o /tmp/a.o && echo built"
        assert await shop.look(image, built) == "built"

    workshop.run(use)


def test_a_python_that_cannot_be_had_names_what_to_install(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")

    async def use(shop: Shop) -> None:
        with pytest.raises(FailedPreconditionError, match=r"package python3\.77.*pyenv install 3\.77"):
            await pythons.ensure_python(workshop.home, shop.images._store, "3.77", lambda line: None)

    workshop.run(use)


def test_a_foreign_program_of_that_name_is_no_python(tmp_path: Path) -> None:
    fake = tmp_path / "python3.11"
    fake.write_text("#!/bin/sh\necho hello\n")
    fake.chmod(0o755)
    assert asyncio.run(pythons._probe(fake, "3.11")) is None


def test_another_series_behind_the_name_is_not_taken() -> None:
    assert asyncio.run(pythons._probe(Path(os.path.realpath("/proc/self/exe")), "3.8")) is None


def test_newer_patches_come_first() -> None:
    names = [Path("3.11.9"), Path("3.11.12"), Path("cpython-3.11.10-linux-x86_64-gnu")]
    assert sorted(names, key=_by_version)[-1] == Path("3.11.12")


def test_a_run_path_is_made_relative_in_place() -> None:
    prefix = Path("/home/me/.pyenv/versions/3.12.1")
    binary = b"ELF\0libc.so.6\0/home/me/.pyenv/versions/3.12.1/lib\0rest"
    patched = _with_relative_library_path(binary, prefix)
    assert patched is not None
    assert len(patched) == len(binary)
    assert b"\0$ORIGIN/../lib\0" in patched
    assert b".pyenv" not in patched


def test_a_run_path_without_room_is_left() -> None:
    assert _with_relative_library_path(b"\0/opt/p/lib\0", Path("/opt/p")) is None


def test_an_installed_program_names_the_interpreter_inside(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN pip install idna")
        assert (await shop.look(image, "head -1 /usr/local/bin/pip")).startswith("#!/usr/local/bin/python")

    workshop.run(use)
