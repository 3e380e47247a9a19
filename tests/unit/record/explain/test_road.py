"""Each road by which a variable reaches a run is told from the others, with its line."""

from dataclasses import replace

from homeport.record.explain.road import road
from homeport.record.run import Call, Note, Place, ShellVariable, Variable
from tests.support import fifty_runs as worlds
from tests.support.fifty_runs import APP, BASH, FROM_DICT, NAME, TRAIN, child, digest, known

READ = [*worlds.processes(), child(), worlds.first_read()]
SECRET = Variable(NAME, FROM_DICT, digest=digest("50"))


def told(world, **of):
    found = road(world, NAME, **of)
    return (found.kind, found.sentence) if found else None


def app_with(old: str, new: str) -> dict[str, str]:
    texts = worlds.sources()
    assert old in texts[APP]
    return {**texts, APP: texts[APP].replace(old, new)}


def test_from_the_shell_into_a_secret_by_the_launchers_note_and_the_start_up_files_line():
    world = known(
        variables=[SECRET],
        notes=READ,
        shell=[ShellVariable(NAME, digest("50"), Place("/home/ann/.bashrc", 7), BASH)],
        launcher_notes=[worlds.launcher_copy()],
    )
    assert told(world) == (
        "shell",
        f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}, "
        "which took it from the shell (~/.bashrc:7)",
    )


def test_from_the_shell_into_a_secret_by_reading_the_source():
    world = known(variables=[SECRET], notes=READ, shell=[ShellVariable(NAME, digest("50"), None, BASH)])
    assert told(world) == (
        "shell",
        f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}, which took it from the shell "
        "(bash, pid 812, began with it)",
    )


def test_typed_before_the_command():
    world = known(variables=[SECRET], notes=READ, shell=[ShellVariable(NAME, digest("50"))])
    assert told(world)[1].endswith("the shell (exported there, or typed before the command)")


def test_a_secret_with_another_value_than_the_shells_did_not_take_it_from_there():
    texts = app_with("if name.startswith(", f"| {{'{NAME}': limit()}} if name.startswith(")
    world = known(texts, [SECRET], READ, shell=[ShellVariable(NAME, digest("7"))])
    assert told(world)[0] == "secret"
    assert "shell (" not in told(world)[1]


def test_a_dictionary_that_spells_the_value_is_no_shells_though_both_have_the_same():
    texts = {**worlds.sources(), APP: f'import modal\nx = modal.Secret.from_dict({{"{NAME}": "50"}})\n'}
    world = known(texts, [SECRET], READ[:1], shell=[ShellVariable(NAME, digest("50"))])
    assert told(world) == ("secret", f"{NAME} came from Secret.from_dict in app.py:2")


def test_set_by_the_apps_own_code_on_the_launcher():
    noted = Note(79.0, 900, "set", NAME, digest=digest("50"), stack=(Place(f"{worlds.FOLDER}/app.py", 14),))
    world = known(variables=[SECRET], notes=READ, launcher_notes=[noted, worlds.launcher_copy()])
    assert told(world) == (
        "launcher",
        f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}, "
        "after the app's own code set it on the launcher in app.py:14",
    )


def test_from_the_image():
    texts = app_with('    .pip_install("numpy', f'    .env({{"{NAME}": "50"}})\n    .pip_install("numpy')
    world = known(texts, [Variable(NAME, f"image: ENV {NAME}=50", "50")], READ)
    line = worlds.line_of(texts[APP], ".env(")
    assert told(world) == (
        "image", f"{NAME}=50 came from the image: ENV {NAME}=50 (app.py:{line})"
    )  # fmt: skip


def test_from_a_named_secret_though_the_shell_has_it_too():
    texts = app_with("secrets=[settings]", 'secrets=[modal.Secret.from_name("brain")]')
    world = known(texts, [Variable(NAME, 'Secret "brain"', digest=digest("50"))], READ)
    line = worlds.line_of(texts[APP], "from_name")
    if "results" in texts[APP].splitlines()[line - 1]:  # the volume's own from_name
        line = worlds.line_of(texts[APP], '"brain"')
    assert told(world) == ("secret", f'{NAME} came from Secret "brain" (app.py:{line})')
    shell = [ShellVariable(NAME, digest("50"), None, BASH)]
    world = known(texts, [Variable(NAME, 'Secret "brain"', digest=digest("50"))], READ, shell)
    assert told(world)[0] == "secret"
    assert told(world)[1].endswith("whose value is also the one in the shell")


def test_from_the_functions_env():
    texts = app_with("cpu=2,", f'cpu=2, env={{"{NAME}": "50"}},')
    world = known(texts, [SECRET], READ, shell=[ShellVariable(NAME, digest("7"))])
    line = worlds.line_of(texts[APP], "cpu=2,")
    assert told(world) == ("env", f"{NAME}=50 came from the function's env= in app.py:{line}")


def test_set_in_code_at_import():
    texts = app_with("app = modal.App", f'os.environ["{NAME}"] = "50"\napp = modal.App')
    line = worlds.line_of(texts[APP], f'os.environ["{NAME}"]')
    noted = Note(91.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, line, "<module>"),))
    world = known(texts, notes=[*READ, noted])
    assert told(world) == ("set", f"{NAME}=50 was set by code in app.py:{line} when it was imported")


def test_set_by_the_parent_in_the_copy_for_its_child_because_of_the_configs_name():
    noted = child({NAME: digest("50"), "PYTHONUNBUFFERED": digest("1")})
    notes = [*worlds.processes(), noted, worlds.first_read()]
    world = known(notes=notes, config_path="runs/Smoke_2/full.yaml", came="command line")
    assert told(world) == (
        "child",
        f"{NAME}=50 was set by its parent for the child `python train.py --config configs/full.yaml` in "
        f'app.py:{worlds.SET_LINE}, because "smoke" is in config_path = "runs/Smoke_2/full.yaml" '
        f"(app.py:{worlds.DECISION_LINE})",
    )
    assert told(known(notes=notes[:3], config_path="a/smoke/b.yaml"))[0] == "child"


def test_an_argument_that_the_function_changed_is_told_as_it_was_given():
    copy = "    env = os.environ.copy()\n"
    smoke = '    config_path = config_path or "configs/smoke_test.yaml"\n'
    main = '\n\n@app.local_entrypoint()\ndef main(config_path: str = ""):\n    train.remote(config_path)\n'
    texts = worlds.sources()
    texts[APP] = texts[APP].replace(copy, smoke + copy) + main
    notes = [child({NAME: digest("50")}, texts)]
    _, sentence = told(known(texts, notes=notes, config_path="", came="given"))
    assert sentence.endswith(
        f'in app.py:{worlds.SET_LINE + 1}, because "smoke" is in config_path by then '
        f'(app.py:{worlds.DECISION_LINE + 1}), which was given as "" in app.py:'
        f'{worlds.line_of(texts[APP], "train.remote")}, not its default "configs/full.yaml"'
    )


def test_set_in_a_copy_by_a_function_that_is_no_longer_running():
    helper = f'def environment(base):\n    return dict(base, {NAME}="50")\n'
    texts = {**worlds.sources(), "/root/helper.py": helper}
    texts[APP] = texts[APP].replace('env["BGB_LIMIT_FILES"] = "50"', "env = helper.environment(env)")
    world = known(texts, notes=[*worlds.processes(), child({NAME: digest("50")}, texts), worlds.first_read()])
    assert "in /root/helper.py:2" in told(world)[1]


def test_left_by_an_earlier_call_in_the_same_container():
    noted = Note(95.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, 41, "train"),))
    earlier = Call("fc-1", "train", started_at=90.0, ended_at=97.0)
    world = known(notes=[*READ, noted], earlier=[earlier], run_id="fc-2")
    assert told(world) == (
        "earlier", f"{NAME} was set by the earlier call fc-1 in the same container in app.py:41"
    )  # fmt: skip
    later = Note(101.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, 41, "train"),))
    assert told(known(notes=[*READ, later], earlier=[earlier], run_id="fc-2"))[0] == "set"


def test_what_an_earlier_call_read_itself_does_not_make_it_this_calls():
    """The container's first call set the variable, and its child read it; the second has done nothing yet."""
    line = worlds.line_of(worlds.sources()[APP], "env[")
    noted = Note(101.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, line, "train"),))
    notes = [*worlds.processes(), noted, child(), worlds.first_read()]
    earlier = (Call("fc-1", "train", started_at=100.0, ended_at=105.0),)
    world = known(notes=notes, earlier=earlier)
    second = replace(world.run.calls[0], started_at=110.0)
    world = replace(world, run=replace(world.run, kind="call", calls=(second,)))
    assert told(world)[0] == "earlier"
    assert "set by the earlier call fc-1 in the same container in app.py:" in told(world)[1]


def test_the_last_change_before_the_read_counts():
    secret_then_code = Note(101.0, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, 41, "train"),))
    after = Note(105.0, 9, "set", NAME, digest=digest("7"), stack=(Place(TRAIN, 1, "<module>"),))
    world = known(variables=[SECRET], notes=[*READ, secret_then_code, after])
    assert told(world)[1] == f"{NAME} was set by code in app.py:41"


def test_a_change_of_another_process_does_not_count():
    other = Note(103.5, 30, "set", NAME, digest=digest("50"), stack=(Place("/app/other.py", 1, "<module>"),))
    world = known(variables=[SECRET], notes=[*READ, other], shell=[ShellVariable(NAME, digest("50"))])
    assert told(world)[0] == "shell"


def test_on_the_command_line_of_a_shell_between():
    start = Note(
        102.0, 2, "child", argv=("/bin/sh", "-c", f"{NAME}=50 python train.py"), stack=(Place(APP, 48),)
    )
    began = Note(103.0, 9, "process", argv=("python", "train.py"), parent=8)
    world = known(notes=[worlds.processes()[0], start, began, worlds.first_read()])
    assert told(world)[0] == "child"
    assert "command line" in told(world)[1]


def test_removed_for_the_child():
    texts = app_with(
        'env["BGB_LIMIT_FILES"] = "50"',
        'env["BGB_LIMIT_FILES"] = "50"\n    else:\n        env.pop("BGB_LIMIT_FILES", None)',
    )
    world = known(texts, [SECRET], [*worlds.processes(), child({NAME: ""}, texts), worlds.first_read()])
    line = worlds.line_of(texts[APP], "env.pop")
    assert told(world) == (
        "removed",
        f"{NAME} was removed for the child `python train.py --config configs/full.yaml` in app.py:{line}",
    )


def test_nobody_set_it():
    assert told(known(notes=worlds.processes())) is None


def test_the_roads_of_a_container_that_has_not_begun_yet():
    world = known(variables=[SECRET], shell=[ShellVariable(NAME, digest("50"), None, BASH)])
    assert told(world)[0] == "shell"


def test_without_any_source_it_is_still_said_which_road():
    world = known(variables=[SECRET], shell=[ShellVariable(NAME, digest("50"), None, BASH)])
    blind = type(world)(world.run)
    assert told(blind) == (
        "shell",
        f"{NAME} came from Secret.from_dict, which took it from the shell (bash, pid 812, began with it)",
    )


def process(pid, parent, at, *argv):
    return Note(at, pid, "process", argv=argv, parent=parent)


def test_a_fork_has_what_its_parent_had_whatever_that_started_besides():
    started = Note(
        101.0, 2, "child", argv=("nvidia-smi",), changes={NAME: digest("7")}, stack=(Place(APP, 40),)
    )
    changed = Note(101.5, 2, "set", NAME, digest=digest("50"), stack=(Place(APP, 41, "train"),))
    read = Note(104.0, 5, "read", NAME, "get", digest("50"), stack=(Place(APP, 60, "worker"),))
    notes = [process(2, 1, 90.0, "python", "-m", "modal"), started, changed]
    notes += [process(5, 2, 103.0, "python", "-m", "modal"), read]
    assert told(known(notes=notes)) == ("set", f"{NAME} was set by code in app.py:41")


def test_a_program_that_a_process_put_in_its_own_place_has_what_it_was_given():
    words = ("/usr/bin/python", "train.py")
    executed = Note(
        101.0, 2, "child", argv=words, changes={NAME: digest("50")}, stack=(Place(APP, 40, "train"),)
    )
    read = Note(104.0, 2, "read", NAME, "get", digest("50"), stack=(Place(TRAIN, 1, "<module>"),))
    notes = [process(2, 1, 90.0, "python", "-m", "modal"), executed, process(2, 1, 102.0, *words), read]
    assert told(known(notes=notes))[0] == "child"


def test_where_a_link_is_missing_the_value_that_was_read_tells():
    start = Note(
        101.0, 2, "child", argv=("bash", "a.sh"), changes={NAME: digest("50")}, stack=(Place(APP, 40),)
    )
    other = Note(101.5, 2, "child", argv=("bash", "b.sh"), stack=(Place(APP, 41),))
    read = Note(104.0, 9, "read", NAME, "get", digest("50"), stack=(Place(TRAIN, 1),))
    notes = [process(2, 1, 90.0, "python"), start, other, process(9, 8, 103.0, "python", "train.py"), read]
    assert "child `bash a.sh`" in told(known(notes=notes))[1]


def test_without_a_launcher_the_apps_file_is_the_mounts_one_that_makes_an_app():
    world = known(variables=[SECRET], notes=READ)
    bare = type(world)(
        replace(world.run, launcher=None, source=replace(world.run.source, entry="")), world.read
    )
    assert told(bare) == ("secret", f"{NAME} came from Secret.from_dict in /root/app.py:{worlds.DICT_LINE}")


def test_a_library_that_set_it_is_named():
    library = (Place("/usr/local/lib/python3.11/site-packages/dotenv/main.py", 94, "set"),)
    noted = Note(101.0, 2, "set", NAME, stack=(Place(APP, 41, "train"),), library=library)
    assert told(known(notes=[*READ, noted]))[1] == f"{NAME} was set by code in app.py:41 through dotenv"
