"""The chain of a variable: each step in its order, with its line, and never a Secret's value."""

from dataclasses import replace

import pytest

from homeport.record.explain.answers import BY_READING
from homeport.record.explain.variable import explain_variable
from homeport.record.run import Call, Note, Place, ShellVariable, Variable
from tests.support import fifty_runs as worlds
from tests.support.fifty_runs import APP, BASH, FROM_DICT, NAME, TRAIN, child, digest, known

READ = [*worlds.processes(), child(), worlds.first_read()]
SECRET = Variable(NAME, FROM_DICT, digest=digest("50"))


def steps(answer):
    return [(step.where, step.text, step.place) for step in answer.steps]


def test_the_shells_variable_in_a_secret_from_its_start_up_file_to_the_read():
    answer = explain_variable(
        known(
            variables=[SECRET],
            notes=READ,
            shell=[ShellVariable(NAME, digest("50"), Place("/home/ann/.bashrc", 7), BASH)],
            launcher_notes=[worlds.launcher_copy()],
        ),
        NAME,
    )
    assert answer.sentence == (
        f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}, which took it from the shell "
        f"(~/.bashrc:7); /app/train.py:{worlds.READ_LINE} read it."
    )
    start = worlds.line_of(worlds.sources()[APP], "subprocess.run(")
    assert steps(answer) == [
        (
            "shell",
            "has it; its start-up file sets it; `-bash` (pid 812) is the oldest process that began with it",
            "~/.bashrc:7",
        ),
        ("launcher", "copied all of os.environ", f"app.py:{worlds.DICT_LINE + 1}"),
        ("container", "began with it from Secret.from_dict (st-1); its value is the one in your shell", ""),
        (
            "pid 2",
            "started `python train.py --config configs/full.yaml`, which got it unchanged",
            f"app.py:{start}",
        ),
        ("pid 9", "read it", f"/app/train.py:{worlds.READ_LINE}"),
    ]
    assert answer.steps[-1].line == 'wanted = os.environ.get("BGB_LIMIT_FILES")'


def test_the_line_that_changed_the_childs_copy_is_marked_as_read_from_the_source():
    answer = explain_variable(
        known(
            notes=[*worlds.processes(), child({NAME: digest("50")}), worlds.first_read()],
            config_path="configs/smoke_test.yaml",
        ),
        NAME,
    )
    changed = next(step for step in answer.steps if step.found == BY_READING)
    assert (changed.place, changed.line) == (f"app.py:{worlds.SET_LINE}", f'env["{NAME}"] = "50"')
    assert [step.where for step in answer.steps] == ["shell", "container", "pid 2", "pid 2", "pid 9"]


def test_what_an_earlier_call_set_is_named_in_its_step():
    noted = Note(95.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, 41, "train"),))
    earlier = [Call("fc-1", "train", started_at=90.0)]
    answer = explain_variable(known(notes=[*READ, noted], earlier=earlier, run_id="fc-2"), NAME)
    assert ("pid 2", "set it while it served the earlier call fc-1", "app.py:41") in steps(answer)


def test_a_replaced_origin_is_named():
    given = Variable(NAME, FROM_DICT, digest=digest("50"), shadowed=(f"image: ENV {NAME}=7",))
    answer = explain_variable(known(variables=[given], notes=READ), NAME)
    assert any(f"it replaced what image: ENV {NAME}=7 gave" in step.text for step in answer.steps)


def test_a_variable_of_the_shell_that_the_app_did_not_hand_on():
    answer = explain_variable(known(notes=READ, shell=[ShellVariable(NAME, digest("50"), None, BASH)]), NAME)
    assert not answer.is_found
    assert answer.sentence == (
        f"{NAME} reached no container of ap-1; /app/train.py:{worlds.READ_LINE} looked for it and found "
        "nothing: it is in the shell (bash, pid 812, began with it), and the app did not hand it on."
    )
    assert ("container", "began without it", "") in steps(answer)


def test_nobody_set_it_and_the_nearest_names():
    answer = explain_variable(known(variables=[SECRET]), "BGB_LIMIT_FILE")
    assert not answer.is_found
    assert answer.sentence == f"Nobody set BGB_LIMIT_FILE in ap-1. The nearest names: {NAME}."
    assert answer.steps == ()


def test_a_hundred_containers_that_did_the_same_are_told_once():
    world = known(variables=[SECRET], notes=READ)
    notes = [replace(note, task_id=f"ta-{number}") for number in range(100) for note in world.run.notes]
    many = replace(world, run=replace(world.run, notes=tuple(notes)))
    answer = explain_variable(many, NAME)
    assert len(answer.steps) < 10
    assert any("and 99 more like it" in step.text for step in answer.steps)


def test_a_hundred_children_are_told_once():
    starts = [child(at=102.0 + number / 1000) for number in range(100)]
    answer = explain_variable(known(variables=[SECRET], notes=[*worlds.processes(), *starts]), NAME)
    assert any("(100 times)" in step.text for step in answer.steps)
    assert len(answer.steps) < 6


@pytest.mark.parametrize("line", [f'{{"{NAME}": "hunter2"}}', f'{NAME}="hunter2"'])
def test_a_secrets_value_is_never_shown_though_the_source_spells_it(line):
    call = f"dict({line})" if "=" in line else line
    texts = {
        **worlds.sources(),
        APP: f"import modal, os\nx = modal.Secret.from_dict({call})\nos.environ.copy()\n",
    }
    given = Variable(NAME, FROM_DICT, digest=digest("hunter2"))
    noted = Note(80.0, 900, "read", NAME, "get", stack=(Place(f"{worlds.FOLDER}/app.py", 2),))
    shell = [ShellVariable(NAME, digest("hunter2"), None, BASH)]
    for world in (
        known(texts, [given], READ[:1], shell),
        known(texts, [given], READ[:1], shell, launcher_notes=[noted]),
        known(texts, [given], READ[:1]),
    ):
        assert "hunter2" not in repr(explain_variable(world, NAME))


def test_a_read_before_it_was_set_is_told_as_such():
    early = Note(90.5, 2, "read", NAME, "in", stack=(Place(APP, 30, "<module>"),))
    later = Note(101.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, 41, "train"),))
    answer = explain_variable(known(notes=[*READ, early, later]), NAME)
    assert ("pid 2", "tested it, and found nothing", "app.py:30") in steps(answer)
    assert answer.sentence.endswith(f"/app/train.py:{worlds.READ_LINE} read it.")
    assert TRAIN in answer.sentence


def test_a_library_that_looked_in_vain_is_named_before_what_it_found():
    package = Place("/usr/lib/python3/dist-packages/sklearn/__init__.py", 60, "<module>")
    note = Note(90.5, 2, "read", NAME, "in", stack=(Place(APP, 30, "<module>"),), library=(package,))
    answer = explain_variable(known(notes=[*READ, note]), NAME)
    assert ("pid 2", "tested it through sklearn, and found nothing", "app.py:30") in steps(answer)


def test_names_that_are_put_together_are_told_as_such_where_the_launcher_took_no_notes():
    line = "x = modal.Secret.from_dict({name: os.environ[name] for name in NAMES if name in os.environ})"
    texts = {**worlds.sources(), APP: f"import modal, os\n{line}\n"}
    answer = explain_variable(known(texts, [SECRET], READ[:1], [ShellVariable(NAME, digest("50"))]), NAME)
    assert ("launcher", "read variables whose names it puts together", "app.py:2") in steps(answer)


def test_who_used_the_value_is_named_before_who_asked_whether_it_is_there():
    asked = Note(91.0, 2, "read", NAME, "in", digest("50"), stack=(Place(APP, 24, "<module>"),))
    answer = explain_variable(known(variables=[SECRET], notes=[*READ, asked]), NAME)
    assert answer.sentence.endswith(f"/app/train.py:{worlds.READ_LINE} and 1 more read it.")
