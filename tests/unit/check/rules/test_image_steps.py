"""An image's steps and what they take from the launcher: the harder cases, and what must not be said."""

from pathlib import Path

import pytest

from homeport.check import fix
from homeport.check.findings import Finding
from tests.support.check import findings_of


def app(image: str, *, top: str = "", body: str = "print(1)") -> str:
    return f"""
import subprocess
from pathlib import Path

import modal

{top}
image = {image}
app = modal.App("any", image=image)


@app.function()
def train():
    {body}
"""


def said(image: str, only: str, **options: object) -> list[Finding]:
    files = {
        "app.py": app(image, **{name: str(options.pop(name)) for name in ("top", "body") if name in options}),
        "model.py": "WIDTH = 8\n",
        "pkg/__init__.py": "",
        "pkg/net.py": "",
        "requirements.txt": "numpy\n",
    }
    return findings_of(files, only=only, **options)  # type: ignore[arg-type]


def severities(image: str, only: str, **options: object) -> list[str]:
    return [finding.severity for finding in said(image, only, **options)]


SLIM = "modal.Image.debian_slim()"

# ---- local sources


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ('add_local_dir("nothing", "/x")', ["error"]),
        ('add_local_dir("model.py", "/x")', ["error"]),
        ('add_local_file("pkg", "/x")', ["error"]),
        ('add_local_file(Path(__file__).parent / "modell.py", "/x")', ["error"]),
        ('add_local_file(Path(__file__).with_name("model.py"), "/x")', []),
        ('add_local_dir(".", "/x")', []),
        ('pip_install_from_requirements("requirement.txt")', ["error"]),
        ('pip_install_from_requirements("requirements.txt")', []),
        ('uv_pip_install(requirements=["requirements.txt", "more.txt"])', ["error"]),
        ('add_local_dir(somewhere(), "/x")', []),
    ],
)
def test_what_a_step_takes_has_to_be_there(step: str, expected: list[str]) -> None:
    assert severities(f"{SLIM}.{step}", "HP120") == expected


def test_code_may_make_the_folder_first() -> None:
    image = f'{SLIM}.add_local_dir("made", "/x")'
    assert severities(image, "HP120", top='Path("made").mkdir(exist_ok=True)') == ["warning"]


def test_an_app_may_be_meant_to_be_run_from_its_own_folder() -> None:
    files = {"jobs/app.py": app(f'{SLIM}.add_local_dir("data", "/x")'), "jobs/data/a.txt": ""}
    (found,) = findings_of(files, only="HP120")
    assert found.severity == "warning" and "jobs/data does" in found.message


def test_a_module_of_the_container_alone_does_not_look_for_files() -> None:
    image = f'{SLIM}.add_local_file(Path("/root/x") if not modal.is_local() else "model.py", "/x")'
    assert not severities(image, "HP120")


@pytest.mark.parametrize(
    ("step", "edit"),
    [
        ('add_local_file("model.py", "/root/m.py")', 'Path(__file__).parent / "model.py"'),
        ('add_local_dir("./pkg", remote_path="/root/pkg")', 'Path(__file__).parent / "pkg"'),
        (
            'pip_install_from_requirements("requirements.txt")',
            'str(Path(__file__).parent / "requirements.txt")',
        ),
        ('add_local_dir(".", "/root/all")', "Path(__file__).parent"),
    ],
)
def test_a_relative_path_becomes_one_from_the_file(step: str, edit: str) -> None:
    (found,) = said(f"{SLIM}.{step}", "HP121")
    assert found.severity == "warning"
    assert [each.text for each in found.edits] == [edit]


def test_an_absolute_path_is_no_relative_one() -> None:
    assert not said(f'{SLIM}.add_local_dir(Path(__file__).resolve().parent / "pkg", "/root/pkg")', "HP121")


# ---- files last


@pytest.mark.parametrize(
    ("steps", "is_wrong"),
    [
        ('add_local_file("model.py", "/m.py").env({"A": "1"})', True),
        ('add_local_python_source("pkg").workdir("/root")', True),
        ('add_local_file("model.py", "/m.py").add_local_dir("pkg", "/p").run_commands("ls")', True),
        ('add_local_file("model.py", "/m.py", copy=False).entrypoint([])', True),
        ('add_local_file("model.py", "/m.py", copy=True).run_commands("ls")', False),
        ('add_local_file("model.py", "/m.py").add_local_dir("pkg", "/p")', False),
        ('add_local_file("model.py", "/m.py").pip_install()', False),
        ('pip_install("numpy").add_local_file("model.py", "/m.py")', False),
    ],
)
def test_files_come_last_or_are_copied(steps: str, is_wrong: bool) -> None:
    assert severities(f"{SLIM}.{steps}", "HP122") == (["error"] if is_wrong else [])


def test_an_image_that_is_made_in_two_places() -> None:
    top = f'base = {SLIM}.add_local_file("model.py", "/m.py")'
    assert severities('base.pip_install("numpy")', "HP122", top=top) == ["error"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('.add_local_file("model.py", "/m.py")', '.add_local_file("model.py", "/m.py", copy=True)'),
        (
            '.add_local_file("model.py", "/m.py", copy=False)',
            '.add_local_file("model.py", "/m.py", copy=True)',
        ),
        (
            '.add_local_file(\n    "model.py",\n    "/m.py",  # the model\n)',
            '.add_local_file(\n    "model.py",\n    "/m.py", copy=True,  # the model\n)',
        ),
    ],
)
def test_the_edit_copies_the_files(tmp_path: Path, before: str, after: str) -> None:
    text = app(f"{SLIM}{before}.env({{'A': '1'}})").lstrip("\n")
    found = findings_of({"app.py": text, "model.py": ""}, only="HP122", folder=tmp_path)
    assert found[0].edits
    (patch,) = fix.plan(found).patches
    changed = patch.after.decode()
    assert after in changed
    assert not findings_of({"app.py": changed, "model.py": ""}, only="HP122")


# ---- add_local_python_source


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('"pkg"', []),
        ('"pkg.net"', []),
        ('"model"', []),
        ('"json"', []),
        ('"model.py"', ["error"]),
        ('"./pkg"', ["error"]),
        ('"pkg/net.py"', ["error"]),
        ('"pkg", "src/train.py"', ["error"]),
        ('Path("pkg")', ["error"]),
        ('["pkg", "model"]', ["error"]),
        ('"nowhere"', ["warning"]),
    ],
)
def test_modules_are_named_as_imports_name_them(given: str, expected: list[str]) -> None:
    assert severities(f"{SLIM}.add_local_python_source({given})", "HP123") == expected


def test_a_path_that_code_adds_may_have_the_module() -> None:
    top = 'import sys\nsys.path.insert(0, "lib")'
    assert not said(f'{SLIM}.add_local_python_source("nowhere")', "HP123", top=top)


# ---- arguments


@pytest.mark.parametrize(
    "image",
    [
        f'{SLIM}.add_local_file("model.py", "m.py")',
        f'{SLIM}.add_local_dir("pkg")',
        f'{SLIM}.pip_install("-r requirements.txt")',
        f'{SLIM}.pip_install("--upgrade", "torch")',
        f'{SLIM}.uv_pip_install(requirements="requirements.txt")',
        "modal.Image.debian_slim(python_version=3.11)",
        'modal.Image.debian_slim(python_version="3.8")',
        'modal.Image.debian_slim("python3.11")',
        f'{SLIM}.env({{"N": 1}})',
    ],
)
def test_what_the_client_refuses(image: str) -> None:
    assert severities(image, "HP124") == ["error"]


@pytest.mark.parametrize(
    "image",
    [
        f'{SLIM}.add_local_file("model.py", "/root/")',
        f'{SLIM}.add_local_dir("pkg", remote_path="/root/pkg")',
        f'{SLIM}.pip_install("torch==2.13.0", ["numpy", "scipy"], extra_options="--no-deps")',
        'modal.Image.debian_slim("3.12")',
        'modal.Image.debian_slim(python_version="3.11.9")',
        'modal.Image.from_registry("nvidia/cuda:12.4.0-devel-ubuntu22.04", add_python="3.11")',
        f'{SLIM}.env({{"N": "1"}}).env(settings())',
    ],
)
def test_what_the_client_takes(image: str) -> None:
    assert not severities(image, "HP124")


# ---- order


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ('add_local_dir("pkg", "/root/pkg", copy=True).pip_install("numpy")', ["warning"]),
        ('add_local_dir("pkg", "/root/pkg", copy=True).apt_install("git")', ["warning"]),
        ('add_local_dir("pkg", "/root/pkg", copy=True).pip_install("/root/pkg")', []),
        ('add_local_dir("pkg", "/root/pkg", copy=True).run_commands("pip install /root/pkg")', []),
        ('add_local_file("requirements.txt", "/r.txt", copy=True).pip_install("numpy")', []),
        ('pip_install("numpy").add_local_dir("pkg", "/root/pkg", copy=True)', []),
        ('pip_install("numpy", force_build=True)', ["warning"]),
    ],
)
def test_packages_come_before_the_code(steps: str, expected: list[str]) -> None:
    assert severities(f"{SLIM}.{steps}", "HP125") == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ('"torch"', ["note"]),
        ('"torch[opt]"', ["note"]),
        ('"torch==2.13.0"', []),
        ('"torch>=2"', []),
        ('"numpy"', []),
        ('["torch", "transformers"]', ["note"]),
    ],
)
def test_a_framework_has_a_version(package: str, expected: list[str]) -> None:
    assert severities(f"{SLIM}.pip_install({package})", "HP126") == expected


# ---- programs


@pytest.mark.parametrize(
    ("image", "program"),
    [
        (f'{SLIM}.run_commands("wget https://example.org/a")', "wget"),
        (f'{SLIM}.run_commands("cd /tmp && curl -L https://example.org | tar xz")', "curl"),
        (f'{SLIM}.run_commands("GIT_SSL=1 git clone https://example.org/a")', "git"),
        (f'{SLIM}.pip_install("git+https://example.org/a.git")', "git"),
        (f'{SLIM}.pip_install("a @ git+https://example.org/a.git")', "git"),
        (f'{SLIM}.apt_install("wget").run_commands("unzip a.zip")', "unzip"),
    ],
)
def test_a_program_that_debian_slim_has_not(image: str, program: str) -> None:
    (found,) = said(image, "HP127")
    assert f"has no {program}" in found.message
    assert found.severity == "warning"


def test_on_modal_it_is_certain() -> None:
    assert severities(f'{SLIM}.run_commands("wget https://example.org/a")', "HP127", target="modal") == [
        "error"
    ]


@pytest.mark.parametrize(
    "image",
    [
        f'{SLIM}.run_commands("gcc -v", "make", "tar xf a.tar", "python -m pip list")',
        f'{SLIM}.run_commands("apt-get update && apt-get install -y wget && wget https://example.org/a")',
        f'{SLIM}.run_commands("apt-get install -y curl", "curl https://example.org | bash")',
        f'{SLIM}.apt_install("git", "ffmpeg").pip_install("git+https://example.org/a.git")',
        f'{SLIM}.pip_install("cmake", "ninja").run_commands("cmake .")',
        'modal.Image.from_registry("ubuntu:24.04", add_python="3.12").run_commands("wget x")',
        f'{SLIM}.run_commands(f"pip install {{1}}", "echo wget")',
    ],
)
def test_a_program_that_may_be_there(image: str) -> None:
    assert not said(image, "HP127")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('subprocess.run(["ffmpeg", "-i", "a.mp4"])', ["warning"]),
        ('subprocess.run("git clone x", shell=True)', ["warning"]),
        ('subprocess.run(["python", "-V"])', []),
        (
            'try:\n        subprocess.run(["git", "log"])\n    except FileNotFoundError:\n        pass',
            [],
        ),
    ],
)
def test_a_function_runs_what_its_image_has(body: str, expected: list[str]) -> None:
    assert severities(SLIM, "HP127", body=body) == expected
    assert not severities(f'{SLIM}.apt_install("ffmpeg", "git")', "HP127", body=body)
