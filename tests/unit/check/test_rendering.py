"""The forms in which findings are said: text, JSON, SARIF, annotations of GitHub."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from homeport.check.facts import App, Facts, Function, Launcher, Module, Project
from homeport.check.findings import Edit, Finding
from homeport.check.gathering import Question
from homeport.check.merging import merged
from homeport.check.preflight import Report, Result
from homeport.check.rendering import github, json_report, sarif, text
from homeport.check.rendering.places import Places
from homeport.check.values import Site

FOLDER = Path("/project")
APP = FOLDER / "app.py"
SOURCE = """\
import modal

app = modal.App("eeg")


def load():
    naïve = "é"; import dataset
"""
DATASET = Site(
    APP, 7, len('    naïve = "é"; import '.encode()), 7, len('    naïve = "é"; import dataset'.encode())
)
MISSING = Finding(
    "HP101",
    DATASET,
    "module 'dataset' is not in the container of train",
    "error",
    function="train",
    fix="put /app on sys.path",
    others=("ship it with add_local_python_source",),
    edits=(Edit(Site(APP, 3, 0), "import sys\n"),),
    related=((Site(APP, 1), "imported here"),),
)
WARNED = Finding("HP401", Site(APP, 3, 6, 4, 0), "the app has 100%,\na comma", "warning")


def function(name: str) -> Function:
    node = ast.parse("def it(): ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    module = Module(APP, "app", SOURCE, ast.parse(""))
    return Function(name, "function", module, node, Site(APP, 6), (), {}, {}, None, {}, ())


def result(*findings: Finding) -> Result:
    functions = (function("train"), function("train_dit"))
    app = App("eeg", Site(APP, 3), {}, functions, "static")
    module = Module(APP, "app", SOURCE, ast.parse(""))
    facts = Facts(
        entry=module,
        app=app,
        source_app=app,
        modules={APP: module},
        containers={},
        events={},
        launch_events=(),
        launcher=Launcher(FOLDER, frozenset(), "1.6.4", "3.11", frozenset()),
        command=None,
        project=Project(FOLDER, {}, {}),
        target="homeport",
    )
    question = Question(APP, facts.launcher)
    order = {function.name: place for place, function in enumerate(functions)}
    return Result((Report(question, facts, tuple(merged(findings, order))),), 0, 0.04)


def places(found: Result) -> Places:
    return Places(found.reports, FOLDER)


def of_function(finding: Finding, name: str) -> Finding:
    return Finding(
        finding.code,
        finding.site,
        finding.message.replace("train", name),
        finding.severity,
        name,
        finding.fix,
        finding.others,
        finding.edits,
        finding.related,
    )


def test_text_is_place_code_message_snippet_and_ways_to_mend_it() -> None:
    found = result(MISSING, WARNED)
    assert text.render(found, places(found)) == (
        """\
── the app (app.py)

app.py:3:7: HP401 warning: the app has 100%,
a comma
  3 | app = modal.App("eeg")
    |       ^^^^^^^^^^^^^^^^

── train (app.py)

app.py:7:25: HP101 module 'dataset' is not in the container of train
  7 | naïve = "é"; import dataset
    |                     ^^^^^^^
  app.py:1:1: imported here
  fix: put /app on sys.path (--fix does it)
    3 + import sys
   or: ship it with add_local_python_source

1 error and 1 warning in app.py (2 functions, read statically, 0.04 s)
"""
    )


def test_the_same_finding_of_several_functions_is_said_once() -> None:
    found = result(MISSING, of_function(MISSING, "train_dit"))
    said = text.render(found, places(found))
    assert "── train, train_dit (app.py)" in said
    assert "is not in the container of train and train_dit\n" in said
    assert said.count("HP101") == 1


def test_a_certain_fix_is_shown_as_the_lines_that_go_and_come() -> None:
    start = len('    naïve = "é"; '.encode())
    edits = (
        Edit(Site(APP, 7, 4, 7, start), ""),
        Edit(Site(APP, 3, 0, 4, 0), ""),
        Edit(DATASET, "data as dataset"),
        Edit(Site(APP, 6, 4, 7, 4), "store():\n    "),
    )
    finding = Finding("HP101", DATASET, "wrong", "error", fix="mend it", edits=edits)
    found = result(finding)
    shown = text.render(found, places(found)).split("fix: mend it (--fix does it)\n")[1]
    assert shown.startswith(
        """\
    3 - app = modal.App("eeg")
    6 - def load():
    7 -     naïve = "é"; import dataset
    6 + def store():
    7 +     import data as dataset
"""
    ), shown


def test_nothing_found_is_said() -> None:
    found = result()
    said = text.render(found, places(found))
    assert said == "nothing found in app.py (2 functions, read statically, 0.04 s)\n"


def test_colours_change_nothing_but_colours() -> None:
    import re

    found = result(MISSING, WARNED)
    coloured = text.render(found, places(found), has_colour=True)
    assert "\033[" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == text.render(found, places(found))


def test_json_has_each_field_in_characters_from_1() -> None:
    found = result(MISSING, WARNED)
    said = json.loads(json_report.render(found, places(found)))
    assert said["version"] == 1
    app = {
        "file": "app.py",
        "module": "",
        "folder": ".",
        "how": "static",
        "functions": ["train", "train_dit"],
    }
    assert said["apps"] == [app]
    assert said["summary"] == {"errors": 1, "warnings": 1, "notes": 0, "ignored": 0, "elapsed_s": 0.04}
    missing = next(finding for finding in said["findings"] if finding["code"] == "HP101")
    assert missing == {
        "code": "HP101",
        "severity": "error",
        "message": "module 'dataset' is not in the container of train",
        "file": "app.py",
        "line": 7,
        "column": 25,
        "end_line": 7,
        "end_column": 32,
        "app": "app.py",
        "functions": ["train"],
        "fix": "put /app on sys.path",
        "others": ["ship it with add_local_python_source"],
        "edits": [
            {
                "file": "app.py",
                "line": 3,
                "column": 1,
                "end_line": 3,
                "end_column": 1,
                "text": "import sys\n",
            }
        ],
        "related": [
            {
                "file": "app.py",
                "line": 1,
                "column": 1,
                "end_line": 1,
                "end_column": 7,
                "message": "imported here",
            }
        ],
    }


def test_annotations_escape_what_the_runner_would_take_for_its_own() -> None:
    found = result(MISSING, WARNED)
    lines = github.render(found, places(found)).splitlines()
    assert (
        "::error file=app.py,line=7,endLine=7,col=25,endColumn=32,title=homeport check HP101::"
        "module 'dataset' is not in the container of train%0Afix: put /app on sys.path%0Aor: ship it with "
        "add_local_python_source" in lines
    )
    assert (
        "::warning file=app.py,line=3,endLine=4,title=homeport check HP401::the app has 100%25,%0Aa comma"
        in lines
    )


def required(value: Any, *names: str) -> Any:
    assert all(name in value for name in names), (names, value)
    return value


def test_sarif_has_what_its_schema_requires_3_10_to_3_55() -> None:
    found = result(MISSING, WARNED)
    log = required(json.loads(sarif.render(found, places(found))), "version", "runs")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = required(required(run, "tool", "results")["tool"]["driver"], "name", "version", "rules")
    for rule in driver["rules"]:
        required(rule, "id")
    assert run["originalUriBaseIds"]["SRCROOT"]["uri"] == "file:///project/"
    for entry in run["results"]:
        assert driver["rules"][entry["ruleIndex"]]["id"] == entry["ruleId"]
        assert entry["level"] in {"none", "note", "warning", "error"}
        assert entry["message"]["text"]
        for location in entry["locations"] + entry.get("relatedLocations", []):
            place = required(location["physicalLocation"], "artifactLocation", "region")
            assert place["artifactLocation"] == {"uri": "app.py", "uriBaseId": "SRCROOT"}
            region = required(place["region"], "startLine", "startColumn", "endLine", "endColumn")
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
    missing = next(entry for entry in run["results"] if entry["ruleId"] == "HP101")
    (fix,) = missing["fixes"]
    (change,) = required(fix, "artifactChanges")["artifactChanges"]
    (replacement,) = required(change, "artifactLocation", "replacements")["replacements"]
    assert replacement["insertedContent"] == {"text": "import sys\n"}
    assert replacement["deletedRegion"] == {"startLine": 3, "startColumn": 1, "endLine": 3, "endColumn": 1}


@pytest.mark.parametrize("render", [text.render, json_report.render, github.render, sarif.render])
@pytest.mark.parametrize(
    "site", [Site(APP, 0), Site(APP, 99, 7), Site(APP, 7, 500, 9, 900), Site(Path("/gone.yml"), 3, 2)]
)
def test_a_place_that_is_not_there_is_no_crash(render: Any, site: Site) -> None:
    edits = (Edit(site, "x\ny"),)
    found = result(Finding("HP101", site, "wrong", "note", fix="mend", edits=edits))
    assert "HP101" in render(found, places(found))
