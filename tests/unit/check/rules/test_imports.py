"""Imports that fail in a container, or where modal run is typed: which of the rules says so, and how."""

from pathlib import Path

import pytest

from homeport.check.findings import Finding
from tests.support.check import check, findings_of

F = "@app.function(image=image)\ndef train():\n"


def app(image: str, body: str, top: str = "") -> str:
    head = f"import sys, os\nimport modal\n{top}\nimage = modal.Image.debian_slim(){image}\n"
    return f"{head}app = modal.App('a')\n{F}    {body}\n"


def found(files: dict[str, str], codes: str = "HP10") -> list[Finding]:
    return [finding for finding in findings_of(files) if finding.code.startswith(codes)]


def said(files: dict[str, str], codes: str = "HP10") -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in found(files, codes)]


SEED = {
    "app.py": app(
        '.add_local_file("src/dataset.py", "/app/dataset.py")'
        '.add_local_file("src/model.py", "/app/model.py")',
        'sys.path.insert(0, "/app/src")\n    import dataset\n    import model',
    ),
    "src/dataset.py": "",
    "src/model.py": "",
}


def test_files_in_one_folder_and_another_on_the_path() -> None:
    folder, dataset, model = found(SEED)
    assert (
        folder.code == "HP102" and "/app/src" in folder.message and "your files are in /app" in folder.message
    )
    assert dataset.message == (
        "module 'dataset' is not in the container of train: sys.path has /app/src, /root, "
        "the file is at /app/dataset.py"
    )
    assert dataset.severity == "error" and dataset.related[0][1] == "puts /app/src on sys.path"
    assert dataset.fix == "Put /app on sys.path instead of /app/src."
    assert [edit.text for edit in dataset.edits] == ['"/app"'] and dataset.edits == model.edits
    assert dataset.others == (
        "Place the file in the folder /app/src, which is searched.",
        'Ship it by its name: .add_local_python_source("dataset") on the image puts it in /root, which is '
        "searched.",
    )


def test_a_module_beside_the_entry_file_is_shipped_by_its_name() -> None:
    files = {"app.py": app("", "pass", "import helpers"), "helpers.py": "import more\n", "more.py": ""}
    (finding,) = found(files)
    assert (finding.code, finding.severity) == ("HP101", "error")
    assert [edit.text for edit in finding.edits] == ['.add_local_python_source("helpers")']
    (end,) = [edit.site for edit in finding.edits]
    text = files["app.py"].splitlines()
    line = text[end.line - 1]
    text[end.line - 1] = line[: end.column] + finding.edits[0].text + line[end.column :]
    (then,) = found({**files, "app.py": "\n".join(text)})
    assert "'more'" in then.message and then.code == "HP101"


def test_a_missing_library_is_named_as_it_is_installed() -> None:
    (finding,) = found({"app.py": app('.pip_install("numpy")', "import cv2")})
    assert (finding.code, finding.severity) == ("HP103", "error")
    assert "opencv" in finding.fix
    (edit,) = finding.edits
    assert edit.text.startswith(', "opencv')
    assert said({"app.py": app('.pip_install("numpy")', "import numpy.linalg, json, modal")}) == []


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ("import wandb", "error"),
        ("try:\n        import wandb\n    except ImportError:\n        wandb = None", None),
        (
            "try:\n        import wandb\n    except ImportError:\n        raise SystemExit('install wandb')",
            "error",
        ),
        ("try:\n        import wandb\n    except Exception:\n        wandb = None", None),
        ("try:\n        import wandb\n        wandb.init()\n    except Exception:\n        pass", "warning"),
        ("if os.environ.get('USE'):\n        import wandb", None),
        ("if sys.argv[1:]:\n        import wandb", "warning"),
        ("for _ in open('/dev/stdin'):\n        import wandb", "warning"),
        ("from typing import TYPE_CHECKING\n    if TYPE_CHECKING:\n        import wandb", None),
        ("import importlib\n    importlib.import_module('wandb')", "error"),
        ("import contextlib\n    with contextlib.suppress(ImportError):\n        import wandb", None),
        ("import importlib.util as u\n    if u.find_spec('wandb') is not None:\n        import wandb", None),
        ("if modal.is_local():\n        import wandb", None),
        ("def log():\n        import wandb", None),
        ("def log():\n        import wandb\n    log()", "error"),
        ("(lambda: __import__('wandb'))()", "error"),
        (
            "import threading as t\n    def log():\n        import wandb\n    t.Thread(target=log).start()",
            "warning",
        ),
    ],
)
def test_an_error_is_only_what_fails_in_every_run(body: str, severity: str | None) -> None:
    findings = found({"app.py": app("", body)})
    assert [finding.severity for finding in findings] == ([severity] if severity else [])


def test_of_two_entry_files_the_one_whose_list_misses_a_module() -> None:
    line = '.add_local_file("src/{0}.py", "/root/{0}.py")\n    '
    listed = line.format("dataset") + line.format("model")
    whole = listed + line.format("dit")
    text = "import modal\nimage = (\n    modal.Image.debian_slim()\n    {}\n)\napp = modal.App('a')\n" + F
    text += "    import dataset, model, dit\n"
    sources = {"src/dataset.py": "", "src/model.py": "", "src/dit.py": ""}
    assert found({"app.py": text.format(whole), **sources}) == []
    (finding,) = found({"app.py": text.format(listed), **sources})
    assert finding.code == "HP105" and "dataset.py, model.py file by file, and not dit.py" in finding.message
    (edit,) = finding.edits
    assert edit.text == '\n    .add_local_file("src/dit.py", "/root/dit.py")'


def test_a_part_of_a_package() -> None:
    files = {
        "app.py": app(
            '.add_local_dir("cats", "/root/cats", ignore=["deep/**"])',
            "import cats.deep.net, cats.no\n    from cats.data import absent",
        ),
        "cats/__init__.py": "from . import data",
        "cats/data.py": "from .deep import net",
        "cats/deep/__init__.py": "",
        "cats/deep/net.py": "",
    }
    findings = found(files)
    assert {finding.code for finding in findings} == {"HP104", "HP108"}
    assert [finding.message.partition(" is not")[0] for finding in findings if finding.code == "HP104"] == [
        "module 'cats.deep.net'",
        "module 'cats.no'",
        "module 'cats.deep'",
    ]


def test_imports_of_the_launcher() -> None:
    text = (
        "import modal\nimport numpy\n{}app = modal.App('a')\n"
        "image = modal.Image.debian_slim().pip_install('numpy')\n" + F + "    pass\n"
    )
    (finding,) = found({"app.py": text.format("")})
    assert finding.code == "HP106" and "only the image of train has it" in finding.message
    (finding,) = found({"app.py": text.format("").replace("import numpy", "import numpi")}, "HP106")
    assert "there is no such module here" in finding.message
    guarded = text.replace("import numpy\n", "try:\n    import numpy\nexcept ImportError:\n    pass\n")
    assert found({"app.py": guarded.format("")}) == []


def test_a_shadowed_standard_library_explains_a_missing_name() -> None:
    files = {
        "app.py": app('.add_local_python_source("random")', "from random import shuffle"),
        "random.py": "SEED = 1\n",
    }
    shadow, name = sorted(found(files), key=lambda finding: finding.code)
    assert (shadow.code, shadow.severity) == ("HP107", "warning")
    assert (name.code, name.severity) == (
        "HP108",
        "error",
    ) and "takes the place of standard library" in name.message


@pytest.mark.parametrize(
    "module",
    [
        "def __getattr__(name): ...",
        "from numpy import *",
        "globals()['gone'] = 1",
        "def set_it():\n    global gone\n    gone = 1",
        "if input():\n    gone = 1",
        "try:\n    gone = 1\nexcept Exception:\n    pass",
        "for gone in range(3): pass",
        "import os as gone",
        "(gone := 3)",
        "class gone: ...",
        "with open('/dev/null') as gone: pass",
        "a, (gone, *c) = 1, (2, 3)",
        "exec('gone = 1')",
        "gone: int = 2",
        "import sys\nsys.modules[__name__].gone = 1",
        "match 1:\n    case gone: pass",
        "from other import gone",
        "import sys\nsetattr(sys.modules[__name__], 'gone', 3)",
        "type gone = int",
        "locals()['gone'] = 1",
        "vars()['gone'] = 1",
        "x = [gone for gone in ()]\nfrom other import *",
    ],
)
def test_a_name_that_a_module_may_have_is_not_missed(module: str) -> None:
    files = {
        "app.py": app('.pip_install("numpy").add_local_python_source("m", "other")', "from m import gone"),
        "m.py": module,
        "other.py": "gone = 3",
    }
    assert [finding for finding in found(files) if finding.code == "HP108"] == []


def test_one_finding_for_all_places_of_a_missing_module() -> None:
    files = {
        "app.py": app('.add_local_python_source("a", "b")', "import a, b\n    from lib import x, y"),
        "a.py": "import lib",
        "b.py": "import lib.part",
    }
    first, second = found(files)
    assert (first.site.path.name, first.severity) == ("a.py", "error")
    assert [site.path.name for site, _ in first.related] == ["app.py"]
    assert "lib" in second.message


def test_a_circular_import_is_left_alone() -> None:
    files = {
        "app.py": app('.add_local_python_source("a", "b")', "import a"),
        "a.py": "import b\nx = 1",
        "b.py": "from a import x\nfrom a import y",
    }
    assert found(files) == []


def test_what_a_child_process_imports() -> None:
    files = {
        "app.py": app(
            '.add_local_dir("code", "/app")',
            "import subprocess\n    subprocess.run(['python', 'train.py'], cwd='/app', check=True)",
        ),
        "code/train.py": "import model\nimport nowhere\n",
        "code/model.py": "",
    }
    (finding,) = found(files)
    assert finding.site.path.name == "train.py" and "'nowhere'" in finding.message


def test_a_local_entry_point_imports_where_modal_run_is_typed() -> None:
    text = app("", "pass") + "@app.local_entrypoint()\ndef main():\n    import pandas\n"
    (finding,) = found({"app.py": text})
    assert (finding.code, finding.severity) == ("HP106", "warning") and "'pandas'" in finding.message


def test_a_function_of_the_build_is_no_matter_of_the_launcher_nor_lost() -> None:
    text = """
import modal

def download():
    import huggingface_hub
    with open("/models/weights", "w") as file:
        file.write("x")

image = modal.Image.debian_slim().pip_install("huggingface_hub").run_function(download)
app = modal.App("a", image=image)

@app.function()
def f():
    import huggingface_hub
"""
    other = text + "\n@app.function(image=modal.Image.debian_slim())\ndef g(): ...\n"
    for source in (text, other):
        assert not findings_of({"app.py": source}, only="HP1")
        assert not findings_of({"app.py": source}, only="HP3")


def test_a_file_named_as_a_library_whose_modules_are_not_known_shadows_nothing_for_certain() -> None:
    for package, file, codes in (
        ("wild-thing-tts", "wild_thing_tts.py", []),
        ("wildthing", "wildthing.py", ["HP107"]),
    ):
        text = app(f".pip_install('{package}')", "pass")
        assert [finding.code for finding in found({file: text}, "HP107")] == codes


@pytest.mark.parametrize(
    "body",
    [
        "import subprocess\n    try:\n        import lib\n    except ImportError:\n"
        "        subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'lib'])\n        import lib",
        "import subprocess\n    subprocess.run('git clone https://x/y /root/y', shell=True)\n"
        "    sys.path.insert(0, '/root/y')\n    import lib",
        "os.system('pip install lib')\n    import lib",
        "import subprocess\n    subprocess.run(command())\n    import lib",
        "import pip\n    pip.main(['install', 'lib'])\n    import lib",
        "open('/root/lib.py', 'w').write('')\n    import lib",
        "from pathlib import Path\n    Path('lib.py').write_text('')\n    import lib",
        "import shutil\n    shutil.copytree('/data/x', '/root/lib')\n    import lib",
        "import zipfile\n    zipfile.ZipFile('/data/x.zip').extractall('/srv/x')\n"
        "    sys.path.append('/srv/x')\n    import lib",
        "from unittest.mock import MagicMock\n    sys.modules['lib'] = MagicMock()\n    import lib.part\n"
        "    from lib import anything",
        "sys.path.insert(0, sys.argv[1])\n    import lib",
        "sys.path.insert(0, os.environ['WHERE'])\n    import lib",
        "sys.modules.setdefault('lib', object())\n    import lib",
    ],
)
def test_a_module_that_the_run_itself_may_bring_is_not_missed(body: str) -> None:
    assert found({"app.py": app("", body)}) == []


def test_looking_around_brings_no_module() -> None:
    body = "import subprocess, glob\n    subprocess.run(['nvidia-smi'])\n"
    body += "    print(os.listdir('/root'), '/root/lib')\n"
    body += (
        "    glob.glob('/root/*.py')\n    subprocess.run('ls -l && python -V', shell=True)\n    import lib"
    )
    (finding,) = found({"app.py": app("", body)})
    assert (finding.code, finding.severity) == ("HP103", "error")


@pytest.mark.parametrize(
    ("top", "severity"),
    [
        ("ROOT = Path(__file__).parents[2]", "error"),
        ("ROOT = Path(__file__).resolve().parents[1]", None),
        ("ROOT = Path(__file__).parents[3] if modal.is_local() else Path('/root')", None),
        ("try:\n    ROOT = Path(__file__).parents[3]\nexcept IndexError:\n    ROOT = Path('/root')", None),
        ("if sys.argv[1:]:\n    ROOT = Path(__file__).parents[3]", "warning"),
        ("def root():\n    return Path(__file__).parents[3]", None),
    ],
)
def test_a_folder_that_is_not_above_the_file_there(top: str, severity: str | None) -> None:
    files = {"app.py": app("", "pass", f"from pathlib import Path\n{top}")}
    assert [each.severity for each in found(files, "HP111")] == ([severity] if severity else [])


def test_a_module_of_ones_own_that_the_launcher_does_not_find_lies_elsewhere(tmp_path: Path) -> None:
    jobs = tmp_path / "backend" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "embed.py").write_text(
        "import modal\nfrom backend.common import image\napp = modal.App('a', image=image)\n"
    )
    (jobs.parent / "common.py").write_text("import modal\nimage = modal.Image.debian_slim()\n")
    (report,) = check(jobs, "embed.py").reports
    (finding,) = (one.finding for one in report.findings if one.finding.code == "HP106")
    assert finding.message.endswith(f"is not found from there: it lies in {tmp_path}")
    assert finding.fix == f"Type it in {tmp_path}: modal run backend/jobs/embed.py"
    (report,) = check(tmp_path, "backend/jobs/embed.py").reports
    assert not report.findings


def test_a_library_belongs_into_the_file_that_the_image_installs_from() -> None:
    text = app('.pip_install_from_requirements("r.txt")', "import numpy")
    (finding,) = found({"app.py": text, "r.txt": "pyyaml\n"}, "HP103")
    assert "Add numpy to the file that pip_install_from_requirements() takes." in finding.others
