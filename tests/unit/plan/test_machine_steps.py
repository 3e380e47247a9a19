"""Which installations this machine can run itself, and with which paths."""

import pytest

from homeport.plan.machine_steps import is_clear, machine_script
from homeport.plan.pip_steps import Tools, translate_pip

TOOLS = Tools("/machine/uv", [], [], ("-c", "compile"))


def place(path: str) -> str:
    return f"/copy{path}"


def test_uvs_installation_as_the_client_writes_it() -> None:
    command = (
        "/.uv/uv pip install --python $(command -v python) --compile-bytecode "
        "--requirements /.uv/0/r.txt 'x<2'"
    )
    install = translate_pip(command)
    assert install is not None and is_clear(install)
    assert machine_script(install, TOOLS, place) == (
        "/copy/.uv/uv pip install --python /copy/usr/local/bin/python --compile-bytecode "
        "--requirements /copy/.uv/0/r.txt 'x<2'"
    )


@pytest.mark.parametrize("word", ["./here", "../x", "'x @ file:///opt/x'", "file:///x", "--requirements=/x"])
def test_what_may_name_another_place_is_left_to_other_engines(word: str) -> None:
    install = translate_pip(f"/.uv/uv pip install --python $(command -v python) --compile-bytecode {word}")
    assert install is not None and not is_clear(install)


def test_pips_installation_names_the_copys_python_and_files_and_never_runs_pip() -> None:
    install = translate_pip("pip install -r /.requirements.txt -f /wheels x==1 --target=/app/lib")
    assert install is not None and is_clear(install)
    script = machine_script(install, TOOLS, place)
    assert 'python="$(command -v /copy/usr/local/bin/python)"' in script
    files = "--requirements /copy/.requirements.txt --target /copy/app/lib x==1"
    assert f"{files} --find-links /copy/wheels" in script
    assert "\npip install" not in script and script.endswith("exit 1")
