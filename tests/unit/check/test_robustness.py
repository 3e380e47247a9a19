"""Whatever is in a file, the static check of it ends well: with findings, or without, never with a crash.

Takes a sample of the standard library's and site-packages' files as apps; `--every-file` takes all of them.
"""

import itertools
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.check.facts import Launcher
from homeport.check.gathering import Question, gather
from homeport.check.preflight import preflight
from homeport.check.rendering import text
from homeport.check.rendering.places import Places
from homeport.check.source import Sources
from tests.support.check import MODULES

SAMPLE = 60  # files
PARTS = 240  # of all files
LAUNCHER = Launcher(Path("/"), frozenset(), "1.6.4", "3.11", MODULES)


def every_file() -> Iterator[Path]:
    paths = sysconfig.get_paths()
    for folder in sorted({paths["stdlib"], paths["purelib"], paths["platlib"]}):
        for place, folders, names in os.walk(folder):
            if place == paths["stdlib"]:
                folders[:] = [name for name in folders if name not in ("site-packages", "dist-packages")]
            yield from (Path(place) / name for name in names if name.endswith(".py"))


def checked(path: Path) -> str:
    """What is said of the file, where nothing went wrong inside."""
    result = preflight([Question(path, LAUNCHER)])
    own = [
        reported.finding.message
        for reported in result.reports[0].findings
        if reported.finding.code == "HP000"
    ]
    assert not own, (path, own)
    return text.render(result, Places(result.reports, Path("/")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every file takes five minutes of a processor: in parts, which stay below a test's time limit."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(PARTS if metafunc.config.getoption("--every-file") else 1))


def test_files_of_the_standard_library_and_of_site_packages(part: int, pytestconfig: pytest.Config) -> None:
    files = sorted(every_file())
    assert len(files) > 1000
    is_whole = pytestconfig.getoption("--every-file")
    for path in files[part::PARTS] if is_whole else files[:: len(files) // SAMPLE]:
        checked(path)


APP = 'import modal\napp = modal.App("x")\n@app.function()\ndef f(): ...\n'
ODD = {
    "empty": b"",
    "only a comment": b"# nothing",
    "no end of line": b"import modal",
    "NUL bytes": b"import modal\0\napp = modal.App()\n",
    "broken UTF-8": APP.encode() + b"name = '\xff\xfe'\n",
    "unknown coding": b"# coding: klingon\n" + APP.encode(),
    "coding that is none of text": b"# coding: rot13\n" + APP.encode(),
    "UTF-16": APP.encode("utf-16"),
    "latin-1": "# coding: latin-1\nname = 'é'\n".encode("latin-1") + APP.encode(),
    "byte order mark": b"\xef\xbb\xbf" + APP.encode(),
    "old line ends": APP.replace("\n", "\r").encode(),
    "form feeds": APP.replace("\n", "\n\f").encode(),
    "syntax error": APP.encode() + b"def g(:\n",
    "unfinished string": APP.encode() + b'x = """\n',
    "tabs and spaces": b"if 1:\n\tx = 1\n        y = 2\n",
    "Python 2": b"print 'hello'\n",
    "Python 3.12": APP.encode() + b"type X = int\ndef g[T](x: T) -> T: return x\n",
    "Python 3.14": APP.encode() + b"try: ...\nexcept A, B: ...\nt = t'{f}'\n",
    "deep brackets": APP.encode() + b"x = " + b"(" * 150 + b"1" + b")" * 150 + b"\n",
    "too deep brackets": APP.encode() + b"x = " + b"[" * 5000 + b"]" * 5000 + b"\n",
    "a long sum": APP.encode() + b"x = " + b" + ".join([b"1"] * 5000) + b"\n",
    "a long chain": APP.encode() + b"x = f" + b".g()" * 2000 + b"\n",
    "a large number": APP.encode() + b"x = 10 ** 10 ** 10\ny = 'a' * 10 ** 12\nz = [0] * 10 ** 10\n",
    "an endless loop": APP.encode() + b"while True: pass\n",
    "itself": b"import app\nfrom app import *\n" + APP.encode(),
    "recursion": b"def f(): return f()\nx = f()\n" + APP.encode(),
    "a star of an unknown": b"from nothing import *\n" + APP.encode(),
    "surrogates": APP.encode() + b"x = '\\ud800'\nimport os\nos.environ[x]\nopen(x)\n",
    "odd names": 'import modal as módal\nåpp = módal.App("ﬁ")\n@åpp.function()\ndef ﬁ(): import ñ\n'.encode(),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_bytes(ODD[name])
    assert checked(path)


def test_what_is_no_file_of_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    for name in ("pipe.py", "folder.py", "gone.py", "loop.py", "missing.py"):
        assert checked(tmp_path / name)


def test_modules_that_import_each_other(tmp_path: Path) -> None:
    for name, other in itertools.pairwise(("app", "a", "b", "app")):
        (tmp_path / f"{name}.py").write_text(f"import {other}\nfrom {other} import app\n" + APP)
    assert checked(tmp_path / "app.py")


def test_the_facts_of_an_app_are_whole_though_its_modules_are_not(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import broken\n" + APP)
    (tmp_path / "broken.py").write_text("def (\n")
    facts = gather(Question(tmp_path / "app.py", LAUNCHER), Sources())
    assert [function.name for function in facts.app.functions] == ["f"]
