"""The plan of a probe follows the code's order, and its outcome is judged by what was said."""

from pathlib import Path
from typing import Any

from homeport.check.facts import Facts, Launcher
from homeport.check.gathering import Question, gather
from homeport.check.probing import Plan, judge, plan_of
from homeport.check.source import Sources

APP = """import sys
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
import modal

if TYPE_CHECKING:
    import never

app = modal.App("a")
image = modal.Image.debian_slim().add_local_dir(Path(__file__).parent / "src", "/app")


@app.function(image=image)
def f():
    sys.path.append("/app")
    try:
        import wandb
    except ImportError:
        pass
    import json
    from data.set import load, absent
    import nowhere
    open("/app/data/list.txt")
    open("/app/data/other.txt")
    subprocess.run([sys.executable, "/app/tools/script.py"])


@app.function(image=image, serialized=True)
def g(): ...
"""


def facts_of(folder: Path) -> Facts:
    files = {
        "app.py": APP,
        "src/data/set.py": "import csv\ndef load(): ...\n",
        "src/data/list.txt": "",
        "src/tools/script.py": "import beside\n",
        "src/tools/beside.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    launcher = Launcher(folder, frozenset({"PATH"}), "1.6.4", "3.11", frozenset({"modal"}))
    return gather(Question(folder / "app.py", launcher), Sources())


def outcomes_of(plan: Plan, **outcomes: str) -> dict[str, Any]:
    known = {item.what: str(number) for number, item in enumerate(plan.items)}
    named = {known[name]: {"is": outcome} for name, outcome in outcomes.items()}
    return {"python": "3.11.2", "entry": None, "outcomes": named}


def test_a_plan_has_what_the_code_does_in_order(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)
    plan = plan_of(facts.function("f"), facts)
    steps = plan.steps["steps"]
    assert plan.steps["module"] == "app"
    place = next(number for number, step in enumerate(steps) if step["do"] == "path")
    assert steps[place] == {"do": "path", "path": "/app", "is_first": False, "unless": ""}
    after = [(step["do"], step.get("name") or step.get("path")) for step in steps[place + 1 :]]
    assert after == [
        ("import", "wandb"),
        ("import", "json"),
        ("import", "data.set"),
        ("import", "csv"),
        ("import", "data.set"),
        ("import", "nowhere"),
        ("file", "/app/data/list.txt"),
        ("file", "/app/data/other.txt"),
        ("file", "/app/tools/script.py"),
    ]
    assert "never" not in [item.what for item in plan.items]
    [child] = plan.steps["children"]
    assert child["search_path"][0] == "/app/tools"
    assert [step["name"] for step in child["steps"]] == ["beside"]
    said = {item.what: (item.said, item.is_needed) for item in plan.items}
    assert said["data.set.load"] == ("there", True)
    assert said["data.set.absent"] == ("missing", True)
    assert said["nowhere"] == ("missing", True)
    assert said["wandb"][1] is False
    assert said["/app/data/list.txt"] == ("there", False)
    assert said["/app/data/other.txt"] == ("missing", True)


def test_a_serialized_function_has_no_module_there(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)
    assert plan_of(facts.function("g"), facts).steps["module"] == ""


def test_what_came_of_it_agrees_or_differs(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)
    f = facts.function("f")
    plan = plan_of(f, facts)
    result = outcomes_of(plan, json="missing", nowhere="missing", **{"data.set.absent": "there"}, csv="fails")
    probed = judge(f, plan, result)
    verdicts = {one.item.what: one.verdict for one in probed.judged}
    assert verdicts["json"] == "differs"
    assert verdicts["nowhere"] == "agrees"
    assert verdicts["data.set.absent"] == "differs"
    assert verdicts["csv"] == "agrees"  # it is there, whatever it does
    assert verdicts["data.set.load"] == "unproven"  # it was not tried
    assert {one.item.what for one in probed.lacks} == {"csv", "json", "nowhere"}


def test_a_container_that_does_not_answer(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)
    f = facts.function("f")
    plan = plan_of(f, facts)
    assert judge(f, plan, None).error
    assert judge(f, plan, {"error": "it died"}).error == "it died"
    assert not judge(f, plan, None).judged
