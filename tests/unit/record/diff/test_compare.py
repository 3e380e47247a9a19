"""Only what differs, the most likely cause first; equal runs differ in nothing."""

import hashlib
from dataclasses import replace

import pytest

from homeport.record.diff.compare import compare
from homeport.record.diff.differences import OF_LIBRARIES
from homeport.record.endings import app_stopped
from homeport.record.run import (
    Argument,
    Attempt,
    Call,
    ConfigFile,
    Contract,
    Count,
    Folder,
    Function,
    Git,
    Image,
    Limits,
    Machine,
    Place,
    SourceFile,
    Variable,
    Violation,
    Volume,
)
from tests.support import fifty_runs as worlds
from tests.support.fifty_runs import APP, FIFTY, FROM_DICT, NAME, TRAIN, child, digest, known

READ = [*worlds.processes(), child(), worlds.first_read()]
OPENED = Place(TRAIN, 130, "<module>")


def of(world, **changes):
    return replace(world, run=replace(world.run, **changes))


def config(name):
    text = (FIFTY / "configs" / name).read_text()
    path = f"/app/configs/{name}"
    return ConfigFile(path, hashlib.sha256(text.encode()).hexdigest(), text, OPENED, "ta-1", "mount")


def full():
    return of(
        known(notes=READ),
        calls=(Call("fc-9", "train", (Argument("config_path", "", "default"),), 1, 1, started_at=100.0),),
        configs=(config("full.yaml"),),
        counts=(Count("train", "1438"), Count("val", "359")),
        folders=(Folder("/results/cache/full", 1797, 1797),),
        state="succeeded",
    )


def smoke():
    world = known(
        notes=[*worlds.processes(), child({NAME: digest("50")}), worlds.first_read()],
        config_path="configs/smoke_test.yaml",
        came="command line",
        run_id="ap-2",
    )
    return of(
        world,
        configs=(config("smoke_test.yaml"),),
        counts=(Count("train", "50"), Count("val", "10")),
        folders=(Folder("/results/cache/smoke", 60, 60),),
        state="succeeded",
    )


def rows(comparison):
    return {
        section.title: [(each.name, each.before, each.after) for each in section.differences]
        for section in comparison.sections
    }


def test_smoke_against_full():
    found = rows(compare(smoke(), full()))
    assert list(found) == ["arguments", "configuration", "variables", "data"]
    [(name, before, after)] = found["variables"]
    assert (name, after) == (NAME, "")
    assert before.startswith("50 was set by its parent for the child `python train.py")
    assert found["arguments"] == [("config_path", '"configs/smoke_test.yaml"', '"configs/full.yaml"')]
    assert found["configuration"][0] == ("file", "/app/configs/smoke_test.yaml", "/app/configs/full.yaml")
    assert ("training.epochs", "20", "40") in found["configuration"]
    assert not any(key == "seed" for key, _, _ in found["configuration"])
    assert found["data"][:2] == [("train", "50", "1438"), ("val", "10", "359")]


def test_a_shells_variable_against_none():
    leaked = known(variables=[Variable(NAME, FROM_DICT, digest=digest("50"))], notes=READ)
    found = rows(compare(known(notes=READ), leaked))
    assert list(found) == ["variables"]
    assert found["variables"][0][:2] == (NAME, "")
    assert "came from Secret.from_dict" in found["variables"][0][2]


def test_a_variable_from_outside_comes_before_the_argument():
    leaked = known(
        variables=[Variable(NAME, FROM_DICT, digest=digest("50"))], notes=READ, config_path="b.yaml"
    )
    assert list(rows(compare(known(notes=READ), leaked))) == ["variables", "arguments"]


def test_another_value_by_the_same_road_is_told_by_its_digest_alone():
    left, right = (
        known(variables=[Variable(NAME, FROM_DICT, digest=digest(value))], notes=READ)
        for value in ("50", "7")
    )
    [(_, before, after)] = rows(compare(left, right))["variables"]
    assert before != after
    assert digest("50")[:8] in before
    assert digest("7")[:8] in after


def test_before_and_after_an_edit_shows_the_lines():
    texts = worlds.sources()
    texts[TRAIN] = texts[TRAIN].replace("// 5)]", "// 4)]")
    [section] = compare(known(notes=READ), known(texts, notes=READ)).sections
    [changed] = section.differences
    assert (section.title, changed.name) == ("code", TRAIN)
    assert "-    val_files = val_files[: max(1, int(wanted) // 5)]" in changed.detail
    assert "+    val_files = val_files[: max(1, int(wanted) // 4)]" in changed.detail


def image(**packages):
    return Image("im-1", "debian", "3.11", ("FROM base", "RUN pip install"), packages)


@pytest.mark.parametrize(
    ("title", "before", "after", "row"),
    [
        (
            "image and packages",
            {"images": (image(numpy="2.3.4"),)},
            {"images": (image(numpy="2.3.5", yaml="6"),)},
            ("numpy", "2.3.4", "2.3.5"),
        ),
        (
            "code",
            {"source": replace(known().run.source, git=Git("/r", "a" * 40, "main"))},
            {"source": replace(known().run.source, git=Git("/r", "b" * 40, "main"))},
            ("git commit", "aaaaaaaaaa (main)", "bbbbbbbbbb (main)"),
        ),
        (
            "volumes",
            {"volumes": (Volume("v", "vo-1", "/results", "d1"),)},
            {"volumes": (Volume("v", "vo-1", "/results", "d2"),)},
            ("v", "at /results as of d1", "at /results as of d2"),
        ),
        ("machine and limits", {"machine": Machine(2)}, {"machine": Machine(24)}, ("cores", "2", "24")),
        (
            "machine and limits",
            {"functions": (Function("train", limits=Limits({"memory": "4 GiB"})),)},
            {"functions": (Function("train", limits=Limits({"memory": "8 GiB"})),)},
            ("train asked for memory", "4 GiB", "8 GiB"),
        ),
        (
            "outcome",
            {"contract": Contract("full", verdict="kept")},
            {
                "contract": Contract(
                    "full", verdict="broken", violations=(Violation("train", "3", "5", "no"),)
                )
            },
            ("contract", "full: kept", "full: broken"),
        ),
    ],
)
def test_each_part(title, before, after, row):
    found = rows(compare(of(known(), **before), of(known(), **after)))
    assert list(found) == [title]
    assert row in found[title]


def same_run(number):
    """The same run once more: with other ids, pids and times, and its lists in another order."""
    turned = slice(None, None, 1 if number == 1 else -1)
    packages = {"a": "1", "b": "2"}
    environment = (
        Variable("A", "platform", "1"),
        Variable("B", f"Secret.from_dict (st-{number})", digest="d"),
        Variable("MODAL_IMAGE_ID", "platform", f"im-{number}"),
    )
    volumes = (Volume("v", "vo-1", "/a"), Volume("w", "vo-2", "/b"))
    world = full()
    notes = tuple(
        replace(
            note,
            at=note.at + number,
            pid=note.pid + 100 * number,
            parent=note.parent and note.parent + 100 * number,
            task_id=f"ta-{number}",
        )
        for note in world.run.notes
    )
    return of(
        world,
        run_id=f"ap-{number}",
        app_id=f"ap-{number}",
        started_at=1e5 * number,
        ended_at=2e5 * number,
        images=(
            Image(
                f"im-{number}",
                "b",
                steps=(f"COPY a im-{number}aaaaa",),
                packages=dict(list(packages.items())[turned]),
            ),
        ),
        functions=(Function("train", f"im-{number}", environment=environment[turned]),),
        attempts=(Attempt(f"ta-{number}", "train", 1.0, 2.0, 3.0 * number, 4.0 * number, 0),),
        outcome=f"Succeeded in {number} s: ta-abcdefg{number} ended.",
        volumes=volumes[turned],
        notes=notes,
        counts=world.run.counts[turned],
        calls=tuple(
            replace(call, call_id=f"fc-{number}", started_at=7.0 * number) for call in world.run.calls
        ),
    )


def test_ids_times_pids_and_order_are_no_differences():
    assert rows(compare(same_run(1), same_run(2))) == {}


def test_a_function_that_only_one_run_called_makes_not_every_variable_differ():
    home = (Variable("HOME", "platform", "/root"),)
    one = of(known(), functions=(Function("train", environment=home),))
    two = of(known(), functions=(Function("train", environment=home), Function("evaluate", environment=home)))
    assert "variables" not in rows(compare(one, two))


def test_a_thousand_files_are_one_difference_each_and_python_first():
    files = tuple(SourceFile(f"/root/{number}.txt", "a" * 64) for number in range(1000))
    other = tuple(SourceFile(f"/root/{number}.txt", "b" * 64) for number in range(1000))
    left = of(known(), source=replace(known().run.source, files=(*files, SourceFile(APP, "c" * 64))))
    right = of(known(), source=replace(known().run.source, files=(*other, SourceFile(APP, "d" * 64))))
    [section] = compare(left, right).sections
    assert len(section.differences) == 1001
    assert section.differences[0].name == APP


def test_what_libraries_set_is_no_difference_from_a_run_that_was_stopped_at_its_start():
    noted = worlds.Note(103.5, 9, "set", "KMP_INIT", digest="1", stack=(Place(TRAIN, 18),))
    assert "variables" not in rows(compare(known(), known(notes=[*READ, noted])))
    assert rows(compare(known(notes=READ), known(notes=[*READ, noted])))["variables"][0][0] == "KMP_INIT"


IMPORT_LINE = worlds.line_of(worlds.sources()[TRAIN], "import numpy")


def by_library(function, line=IMPORT_LINE):
    """sklearn sets a variable on behalf of a line of train.py."""
    package = Place("/usr/local/lib/python3.11/site-packages/sklearn/__init__.py", 60, function)
    stack = (Place(TRAIN, line, "<module>"),)
    return worlds.Note(103.5, 9, "set", "KMP_INIT", digest="1", stack=stack, library=(package,))


@pytest.mark.parametrize("function", ["<module>", "prepare"])
def test_what_a_library_sets_at_its_import_comes_after_what_may_be_the_cause(function):
    noted = known(notes=[*READ, by_library(function)], config_path="b.yaml")
    noted = of(noted, state="failed")
    found = rows(compare(known(notes=READ), noted))
    assert list(found) == ["arguments", OF_LIBRARIES, "outcome"]
    assert found[OF_LIBRARIES][0][:2] == ("KMP_INIT", "")


def test_what_a_library_sets_when_it_is_called_is_a_variable_like_others():
    called = by_library("load_dotenv", worlds.READ_LINE)
    assert list(rows(compare(known(notes=READ), known(notes=[*READ, called])))) == ["variables"]


def test_a_variable_that_somebody_gave_is_none_of_libraries():
    given = [Variable("KMP_INIT", "image: ENV KMP_INIT=0", "0")]
    found = rows(compare(known(notes=READ), known(variables=given, notes=[*READ, by_library("<module>")])))
    assert list(found) == ["variables"]


def test_limits_and_client_are_compared_only_where_both_runs_have_them():
    limited = Function("train", limits=Limits({"cpu": "2 cores"}, {"cpu": "2 cores"}))
    mine = of(known(), functions=(limited,), machine=Machine(2, 1 << 30, isolation="namespaces"))
    launcher = replace(known().run.launcher, client="modal 1.6.4")
    other = of(known(), functions=(Function("train"),), launcher=launcher)
    assert "machine and limits" not in rows(compare(mine, other))
    wider = replace(limited, limits=Limits({"cpu": "2 cores", "gpu": "one H100"}, {"cpu": "2 cores"}))
    found = rows(compare(mine, of(mine, functions=(wider,))))
    assert found["machine and limits"] == [("train asked for gpu", "", "one H100")]


def test_of_a_function_that_was_edited_the_newest_version_is_compared():
    train = Function("train", "im-2", limits=Limits({"timeout": "300 s"}, {"cpu": "2 cores"}))
    unstarted = replace(train, image_id="", limits=Limits({"timeout": "300 s"}), definitions=("de-3",))
    older = replace(train, image_id="im-1", limits=Limits({"timeout": "9 s"}, {"cpu": "1 core"}))
    images = (Image("im-1", python="3.10"), Image("im-2", python="3.11"))
    once = of(full(), functions=(train,), images=images[1:])
    edited = of(full(), functions=(unstarted, train, older), images=images)

    assert not compare(once, edited)


def test_a_container_that_ended_with_its_app_has_no_exit_status_to_compare():
    ended = Attempt("ta-1", "train", exit_code=143, reason=app_stopped("ap-1"))
    left = of(known(), state="failed", attempts=(ended,))
    assert rows(compare(left, of(known(), state="failed", attempts=()))) == {}
    crashed = of(known(), state="failed", attempts=(replace(ended, exit_code=139, reason=""),))
    assert rows(compare(left, crashed)) == {"outcome": [("exit statuses", "", "139")]}


def test_what_never_showed_is_one_row():
    unseen = tuple(Violation(rule, "1", "", f"expected {rule} = 1") for rule in ("train", "val"))
    left = of(known(), contract=Contract("full", verdict="unseen", violations=unseen))
    found = rows(compare(left, of(known(), contract=Contract("full", verdict="kept"))))["outcome"]
    assert ("never showed", "train, val", "") in found


def test_a_violation_is_told_once():
    violation = Violation("train", "3734", "50", "expected 3734 train files, saw 50")
    broken = Contract("full", verdict="broken", violations=(violation,))
    left = of(known(), contract=broken, state="stopped", outcome=f"Contract full: {violation.sentence}.")
    right = of(known(), contract=Contract("full", verdict="kept"), state="succeeded", outcome="It ended.")
    found = rows(compare(left, right))["outcome"]
    assert [name for name, _, _ in found] == ["state", "outcome", "contract", "violation of train"]
    assert ("outcome", "", "It ended.") in found
