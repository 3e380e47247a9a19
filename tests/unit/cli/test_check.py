"""`homeport check` as it is typed: which apps, which findings, how it ends, what it changes.

The rules here are two made for the test, so that it says nothing of what the real ones find.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from homeport.check import rules
from homeport.check.facts import Facts
from homeport.check.findings import Edit, Finding
from homeport.check.values import Site
from homeport.cli import root
from homeport.store.database import Database

APP = """\
import modal

app = modal.App("eeg")


@app.function()
def train(bad: int = 1):
    helper.remote()


@app.function()
def helper(): ...


@app.function()
def other(bad): ...
"""


def named_bad(facts: Facts) -> Iterator[Finding]:
    """An error for each parameter named `bad`, with a fix."""
    for function in facts.app.functions:
        for parameter in function.parameters:
            if parameter.name == "bad":
                site = Site(parameter.site.path, parameter.site.line, parameter.site.column)
                end = Site(site.path, site.line, site.column, site.line, site.column + len("bad"))
                edits = (Edit(end, "good"),)
                said = f"a parameter of {function.name} is bad"
                yield Finding("HP901", site, said, "error", function.name, "call it good", edits=edits)


def app_named(facts: Facts) -> Iterator[Finding]:
    if facts.app.name == "eeg":
        yield Finding("HP902", facts.app.site, "the app has a dull name", "warning")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with app.py, which commands are typed in, and rules made for these tests."""
    monkeypatch.setenv("HOMEPORT_HOME", str(tmp_path_factory.mktemp("home") / "of-a-user"))
    made = [
        SimpleNamespace(CODE=code, check=check, __name__=check.__name__, __doc__="A rule.\n\nText.")
        for code, check in (("HP901", named_bad), ("HP902", app_named))
    ]
    real = rules.rules()
    monkeypatch.setattr(rules, "rules", lambda: (*(rule for rule in real if rule.CODE == "HP004"), *made))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> "Check":
    return Check(capsys)


class Check:
    """Runs a check: its exit status, with what it said in `out` and `err`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, static: bool = True) -> int:
        status = root.run(["check", *(["--static"] if static else []), *arguments])
        self.out, self.err = self._capsys.readouterr()
        return status

    @property
    def codes(self) -> list[str]:
        return [finding["code"] for finding in json.loads(self.out)["findings"]]


def test_errors_are_exit_status_1(check: Check) -> None:
    assert check("app.py") == 1
    assert "app.py:7:11: HP901 a parameter of train is bad" in check.out
    assert "app.py:3:7: HP902 warning: the app has a dull name" in check.out
    assert check.out.splitlines()[-1].startswith("2 errors and 1 warning in app.py (3 functions")


def test_an_app_that_takes_long_to_be_loaded_is_loaded_once(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(
        folder / "app.py", (1, 1)
    )  # what was written a moment ago may be written to still, and is not kept
    monkeypatch.setattr("homeport.cli.check.LONG_S", 0)
    for arguments, is_said in ((["app.py"], True), (["app.py"], False), (["--fresh", "app.py"], True)):
        assert check(*arguments, static=False) == 1
        assert ("app.py took" in check.err and "it is not loaded again" in check.err) == is_said
    assert check("--fresh", "app.py") == 2  # with --static


def test_warnings_are_exit_status_0_unless_strict(check: Check, folder: Path) -> None:
    (folder / "app.py").write_text(APP.replace("bad", "fine"))
    assert check("app.py") == 0
    assert check("--strict", "app.py") == 1
    (folder / "app.py").write_text(APP.replace("bad", "fine").replace("eeg", "spindles"))
    assert check("--strict", "app.py") == 0
    assert check.out.startswith("nothing found in app.py")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["ap.py"], "There is no file ap.py. Did you mean app.py?"),
        (["nothing.txt"], "There is no file nothing.txt."),
        (["app.py:train"], "There is no file app.py:train. Did you mean app.py::train?"),
        (["app.py::trian"], "app.py has no function trian. Did you mean train?"),
        (["app.py::zzz"], "app.py has no function zzz. It has train, helper, other."),
        (["-m", "ap"], "There is no module ap below"),
        (["-m", "app.py"], "There is no module app.py below"),
        (["-m", "./app.py"], "./app.py is not a module's name: without -m it is taken as a file."),
        (["empty.py"], "There is no Modal app in empty.py."),
        (["empty"], "There is no Modal app below the folder."),
        (["folder"], "There is no Modal app below folder."),
        (["empty::f"], "empty is a folder, and has no function f."),
        (["--python", "nothing", "app.py"], "nothing is no Python that can be run."),
        (["--select", "HP7", "app.py"], "There is no rule HP7."),
        (["--explain", "HP9O1"], "There is no rule HP9O1. Did you mean HP901?"),
        (["app.py", "app2.py", "--", "--x"], "Arguments after -- are those of one function"),
    ],
)
def test_a_check_that_cannot_be_made_is_one_sentence_and_exit_status_2(
    check: Check, folder: Path, arguments: list[str], said: str
) -> None:
    (folder / "folder").mkdir()
    (folder / "empty.py").write_text("import modal\n")
    (folder / "empty").mkdir()
    (folder / "empty" / "said.py").write_text("import modal  # App( is only said\n")
    (folder / "app2.py").write_text(APP)
    assert check(*arguments) == 2
    assert check.err.startswith(f"homeport: {said}") and check.err.count("\n") == 1
    assert check.out == ""


def test_an_unknown_option_is_exit_status_2_and_says_where_arguments_go(check: Check) -> None:
    assert check("app.py::train", "--config-path", "x") == 2
    assert "No such option '--config-path'. Arguments of the function go after --" in check.err


def test_a_function_alone_with_what_it_calls(check: Check) -> None:
    assert check("--format", "json", "app.py::train") == 1
    assert check.codes == ["HP902", "HP901"]
    assert check("--format", "json", "app.py::helper") == 0


def test_the_modules_name(check: Check, folder: Path) -> None:
    (folder / "pets").mkdir()
    (folder / "pets" / "__init__.py").write_text("")
    (folder / "pets" / "cats.py").write_text(APP)
    assert check("-m", "pets.cats::train") == 1
    assert "pets/cats.py:7:11: HP901" in check.out


def test_several_files_and_folders(check: Check, folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "second.py").write_text(APP)
    (folder / "more" / "none.py").write_text("import modal\n")
    (folder / "more" / "tests.py").write_text("import modal  # App( is only said\n")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "third.py").write_text(APP)
    assert check("--format", "json", ".") == 1
    assert [app["file"] for app in json.loads(check.out)["apps"]] == ["app.py", "more/second.py"]
    assert check("--format", "json", "app.py", "more", "app.py") == 1
    assert [app["file"] for app in json.loads(check.out)["apps"]] == ["app.py", "more/second.py"]
    assert check("--format", "json") == 1
    assert len(json.loads(check.out)["apps"]) == 2


def test_codes_are_chosen(check: Check) -> None:
    assert check("--format", "json", "--select", "HP901", "app.py") == 1
    assert set(check.codes) == {"HP901"}
    assert check("--format", "json", "--ignore", "hp901", "app.py") == 0
    assert check.codes == ["HP902"]
    assert check("--format", "json", "--select", "HP9", "--ignore", "HP901,HP902", "app.py") == 0
    assert check.codes == []


def test_comments_take_findings_back(check: Check, folder: Path) -> None:
    text = APP.replace("= 1):", "= 1):  # homeport: ignore[HP901]").replace(
        "def other(bad): ...", "def other(bad): ...  # homeport: ignore"
    )
    (folder / "app.py").write_text(text)
    assert check("app.py") == 0
    assert check.out.splitlines()[-1].endswith("s, 2 ignored)")


def test_a_comment_that_takes_nothing_back_is_a_note_and_fix_removes_it(check: Check, folder: Path) -> None:
    clean = APP.replace("bad", "fine").replace("eeg", "x")
    (folder / "app.py").write_text(
        clean.replace("import modal\n", "import modal  # homeport: ignore[HP901]\n")
    )
    assert check("app.py") == 0
    assert "app.py:1:15: HP004 note: this comment takes back nothing" in check.out
    assert check("--fix", "app.py") == 0
    assert "fixed app.py:1:15: HP004" in check.err
    assert check.out.startswith("nothing found")
    assert (folder / "app.py").read_text() == clean


def test_a_comment_in_a_file_of_two_apps_counts_for_both(check: Check, folder: Path) -> None:
    shared = (
        'import modal\napp = modal.App("shared")\n\n\n@app.function()\ndef f(bad): ...  # homeport: ignore\n'
    )
    (folder / "shared.py").write_text(shared)
    (folder / "app.py").write_text("import modal\nimport shared\napp = shared.app\n")
    assert check("--format", "json", "app.py", "shared.py") == 0
    assert check.codes == []


def test_fix_applies_what_is_certain_and_says_so(check: Check, folder: Path) -> None:
    assert check("--fix", "app.py") == 0
    assert "fixed app.py:7:11: HP901 Call it good." in check.err
    assert "1 warning in app.py" in check.out
    assert (folder / "app.py").read_text() == APP.replace("bad", "good")


def test_diff_shows_it_and_changes_nothing(check: Check, folder: Path) -> None:
    assert check("--diff", "app.py") == 1
    assert check.out.startswith("--- a/app.py\n+++ b/app.py\n")
    assert "-def train(bad: int = 1):\n+def train(good: int = 1):\n" in check.out
    assert (folder / "app.py").read_text() == APP


def test_a_file_that_may_not_be_written_is_said(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    assert check("--fix", "app.py") == 2
    assert "app.py cannot be changed: Permission denied" in check.err
    assert [path.name for path in folder.iterdir()] == ["app.py"]


@pytest.mark.parametrize("form", ["sarif", "json"])
def test_forms_for_machines_are_json_alone(check: Check, form: str) -> None:
    assert check("--format", form, "app.py") == 1
    assert json.loads(check.out)


def test_explain(check: Check) -> None:
    assert check("--explain") == 0
    assert "HP901  A rule\n" in check.out
    assert check("--explain", "hp004") == 0
    assert "Bad:" in check.out and "Good:" in check.out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--fix", "--diff", "app.py"), "--fix changes files, and --diff nothing"),
        (("--explain", "HP901", "app.py"), "--explain takes a code, and no FILE"),
        (("--probe", "--target", "modal", "app.py"), "--probe takes FILE[::FUNCTION]"),
    ],
)
def test_options_that_would_be_without_effect_are_refused(
    check: Check, folder: Path, typed: tuple[str, ...], said: str
) -> None:
    before = (folder / "app.py").read_text()
    assert check(*typed, static="--probe" not in typed) == 2
    assert said in check.err and not check.out
    assert (folder / "app.py").read_text() == before


def test_a_rule_that_raises_hides_nothing_of_the_others(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(facts: Facts) -> Iterator[Finding]:
        raise ZeroDivisionError("oh")

    made = rules.rules()
    monkeypatch.setattr(rules, "rules", lambda: (SimpleNamespace(CODE="HP900", check=broken), *made))
    assert check("--format", "json", "app.py") == 1
    assert check.codes == ["HP000", "HP902", "HP901", "HP901"]


def test_an_app_below_the_folder_is_checked_from_where_it_fares_best(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed_there(facts: Facts) -> Iterator[Finding]:
        """An error wherever the command is not typed in `more`."""
        if facts.launcher.folder.name != "more":
            yield Finding("HP903", facts.app.site, f"typed in {facts.launcher.folder.name}", "error")

    monkeypatch.setattr(rules, "rules", lambda: (SimpleNamespace(CODE="HP903", check=typed_there),))
    (folder / "more" / "src").mkdir(parents=True)
    (folder / "more" / "src" / "second.py").write_text(APP)
    assert check("more") == 0
    assert check("more/src/second.py") == 1

    def a_module(facts: Facts) -> Iterator[Finding]:
        if facts.entry.name != "src.second":
            yield Finding("HP903", facts.app.site, f"is {facts.entry.name}", "error")
        yield Finding("HP904", facts.app.site, "said of train", "note", "train")

    monkeypatch.setattr(rules, "rules", lambda: (SimpleNamespace(CODE="HP903", check=a_module),))
    assert check(".") == 1  # app.py, which is none
    assert "── train (more/src/second.py, by -m src.second, from more)" in check.out


def test_an_app_below_the_folder_is_not_checked_from_where_it_lacks_its_own_modules(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_libraries(facts: Facts) -> Iterator[Finding]:
        """An error that only shows where the app's own modules are found."""
        if any(module.name == "backend.images" for module in facts.modules.values()):
            yield Finding("HP903", facts.app.site, "lacks a library", "error", "train")

    monkeypatch.setattr(rules, "rules", lambda: (SimpleNamespace(CODE="HP903", check=of_libraries),))
    (folder / "app.py").unlink()
    (folder / "more" / "backend" / "modal").mkdir(parents=True)
    (folder / "more" / "backend" / "images.py").write_text("image = None\n")
    (folder / "more" / "backend" / "job.py").write_text("from backend.images import image\n" + APP)
    (folder / "more" / "backend" / "modal" / "run.py").write_text("import backend.images\n" + APP)
    assert check(".", "--elsewhere") == 1
    assert "── train (more/backend/job.py, from more)" in check.out
    assert (
        "── train (more/backend/modal/run.py, from more)" in check.out
    )  # no `-m modal.run`, which is the client


def test_a_module_has_its_own_name_in_each_app(check: Check, folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "__init__.py").write_text("")
    (folder / "src" / "second.py").write_text(APP.replace("eeg", "x").replace("bad", "fine"))
    (folder / "src" / "third.py").write_text(
        "import second\n" + APP.replace("eeg", "x").replace("bad", "fine")
    )
    (folder / "fourth.py").write_text("import src.second\n" + APP.replace("eeg", "x").replace("bad", "fine"))
    assert check("src/second.py", "src/third.py", "fourth.py") == 0


def test_secrets_are_those_that_the_engine_of_this_home_has(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(facts: Facts) -> Iterator[Finding]:
        yield Finding("HP904", facts.app.site, f"has {sorted(facts.server_secrets or ['?'])}", "note")

    monkeypatch.setattr(rules, "rules", lambda: (SimpleNamespace(CODE="HP904", check=known),))
    monkeypatch.setenv("HOMEPORT_HOME", str(folder / "home"))
    with_secret = APP.replace("@app.function()", '@app.function(secrets=[modal.Secret.from_name("x")])')
    (folder / "app.py").write_text(with_secret)
    assert check("app.py") == 0
    assert "has ['?']" in check.out
    (folder / "home").mkdir()
    database = Database(folder / "home" / "state.db")
    values = {"secret_id": "st-1", "environment": "main", "app_id": "ap-1", "env": "{}", "created_at": 0}
    database.run("add_secret", name="wandb", **values)
    database.close()
    assert check("app.py") == 0
    assert "has ['wandb']" in check.out
    assert check("--target", "modal", "app.py") == 0
    assert "has ['?']" in check.out


def test_elsewhere_nothing_is_known_of_this_machine(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real rules
    monkeypatch.chdir(folder)
    (folder / "app.py").write_text(
        "import os\nimport modal\nimport nothing_of_this_name\n"
        'app = modal.App("x")\nif modal.is_local():\n    print(os.environ["NOT_EXPORTED"])\n'
        'image = modal.Image.debian_slim().pip_install("nothing_of_this_name")\n'
        'image = image.add_local_dir("/not/here/at/all", "/data").add_local_python_source("nor_this")\n'
        "@app.function(image=image)\ndef f(): ...\n"
    )
    assert check("--format", "json", "app.py", static=False) == 1
    assert {"HP106", "HP120", "HP202"} <= set(check.codes)
    check("--format", "json", "--elsewhere", "app.py", static=False)
    assert not {"HP002", "HP106", "HP120", "HP202"} & set(check.codes)
