"""Calls of deployed functions: who deployed gave the Secrets, who called gave the arguments."""

from dataclasses import replace

from homeport.record.explain.argument import explain_argument
from homeport.record.explain.known import Known
from homeport.record.explain.variable import explain_variable
from homeport.record.run import Argument, Attempt, Call, Function, Launcher, ShellVariable, Variable
from tests.support import fifty_runs as worlds
from tests.support.fifty_runs import NAME, digest, known

SCRIPT = """\
import modal

f = modal.Function.from_name("fifty-files", "train")
f.remote("configs/smoke_test.yaml")
modal.Function.from_name("fifty-files", "other").remote("configs/else.yaml")
"""
ASKED = "/home/bob/ask.py"
SECRET = Variable(NAME, worlds.FROM_DICT, digest=digest("50"))


def called(*, script: str = SCRIPT, texts: dict[str, str] | None = None, **changes: object) -> Known:
    """A call by /home/bob/ask.py of what was deployed from /home/ann/fifty, whose shell had the variable."""
    world = known(
        texts,
        variables=[SECRET],
        notes=[worlds.first_read(), *worlds.processes()],
        shell=[ShellVariable(NAME, digest("50"))],
        config_path="configs/smoke_test.yaml",
        came="given",
    )
    changes = {"launcher": Launcher(("python", "ask.py"), "/home/bob", 7), **changes}
    run = replace(world.run, run_id="fc-2", kind="call", deployer=world.run.launcher, **changes)  # type: ignore[arg-type]

    def read(path: str, sha256: str) -> str | None:
        return world.read(path, sha256) or (script if path == ASKED and not sha256 else None)

    return Known(run, read)


def test_a_secret_took_its_value_from_the_shell_that_deployed_it():
    said = explain_variable(called(), NAME)

    assert said.sentence.startswith(
        f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}, which took it from the shell that "
        "deployed it (exported there, or typed before the command)"
    )
    assert any(step.text.endswith("its value is the one in that shell") for step in said.steps)


def test_an_argument_was_given_by_the_line_of_the_script_that_called():
    said = explain_argument(called(), "config_path")

    assert said.sentence == 'config_path of train is "configs/smoke_test.yaml", given in ask.py:4.'
    assert said.steps[0].text == "`python ask.py` does not name it"


def test_of_several_lines_the_one_that_spells_the_value_gave_it():
    script = SCRIPT + "f.remote('configs/full.yaml')\nf.remote('configs/other.yaml')\n"
    given = Argument("config_path", '"configs/other.yaml"')
    texts = called(script=script, calls=(Call("fc-2", "train", (given,)),))
    assert explain_argument(texts, "config_path").sentence.endswith("given in ask.py:7.")
    given = Argument("config_path", "7")
    numbers = called(script=SCRIPT + "f.remote(6), f.remote(7)\n", calls=(Call("fc-2", "train", (given,)),))
    assert explain_argument(numbers, "config_path").sentence.endswith("given in ask.py:6.")


def test_lines_of_the_deployed_app_gave_nothing_to_a_call_from_outside_whatever_the_names():
    texts = worlds.sources()
    texts[worlds.APP] += '\n\n@app.function()\ndef ask():\n    train.remote("configs/full.yaml")\n'

    said = explain_argument(called(texts=texts, script=""), "config_path")

    assert said.sentence.endswith("given by the code that called.")


def test_a_call_by_a_web_request_was_given_its_arguments_by_the_web_function():
    texts = worlds.sources()
    texts[worlds.APP] += (
        "\n\n@app.function()\ndef ask(path):\n    train.remote(path)\n"
        "\n\n@app.function()\ndef other():\n    train.remote('x.yaml')\n"
    )
    given = Argument("config_path", '"configs/smoke_test.yaml"')
    call = Call("fc-2", "train", (given,), 1, started_at=100.0, parent="fc-1", made_in="ask")

    said = explain_argument(called(texts=texts, calls=(call,), launcher=None), "config_path")

    line = worlds.line_of(texts[worlds.APP], "train.remote(path)")
    assert said.sentence == (
        f'config_path of train is "configs/smoke_test.yaml", given in app.py:{line}, where it is the '
        "parameter path of ask."
    )
    assert said.steps[0].text == "a request of the web function ask made the call"


def test_a_warm_container_read_it_before_the_call():
    world = called(calls=(Call("fc-2", "train", started_at=500.0),))

    assert explain_variable(world, NAME).sentence.endswith(
        f"; before this call /app/train.py:{worlds.READ_LINE} read it."
    )


def test_a_function_that_called_another_need_not_have_what_that_had():
    nothing = replace(worlds.first_read(), digest="", at=600.0)
    world = called(
        calls=(
            Call("fc-2", "outer", started_at=500.0),
            Call("fc-3", "train", parent="fc-2", started_at=601.0),
        )
    )
    outer = Function("outer", environment=(Variable("HOME", "platform", "/root"),))
    notes = (*world.run.notes, replace(nothing, task_id="ta-2"))
    attempts = (*world.run.attempts, Attempt("ta-2", "outer"))
    run = replace(world.run, functions=(*world.run.functions, outer), notes=notes, attempts=attempts)

    said = explain_variable(replace(world, run=run), NAME)

    assert said.is_found
    assert said.sentence.startswith(f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}")


def test_a_deployment_gives_nothing_to_containers_yet():
    world = known(shell=[ShellVariable(NAME, digest("50"))])
    run = replace(world.run, kind="deployment", functions=(), calls=(), attempts=())

    said = explain_variable(replace(world, run=run), NAME)

    assert "a deployment starts no container: the calls' own records tell what these got." in said.sentence
    assert {step.where for step in said.steps} == {"shell", "launcher"}


def test_a_function_without_a_container_began_with_nothing():
    world = known(variables=[SECRET])
    functions = (*world.run.functions, replace(world.run.functions[0], tag="idle", environment=()))

    said = explain_variable(replace(world, run=replace(world.run, functions=functions)), NAME)

    assert not any("idle" in step.text for step in said.steps)
