"""`homeport explain RUN --arg NAME`: whether an argument was typed, given by code, or the default."""

from collections.abc import Iterable, Sequence

from homeport.plan.suggestions import nearest
from homeport.record.explain import clauses, definitions
from homeport.record.explain.answers import BY_READING, Answer, Step
from homeport.record.explain.calling import calling_lines
from homeport.record.explain.known import Known
from homeport.record.explain.mentions import decisions
from homeport.record.run import Argument, Call, Place

_MOST_LINES = 3
_MOST_VALUES = 3


def explain_argument(known: Known, name: str) -> Answer:
    """The answer for an argument of the run's calls; of the first that has it, others beside it."""
    given = [
        (call, argument)
        for call in known.run.calls
        for argument in call.arguments
        if argument.name.removeprefix("self.") in (name, name.replace("-", "_"), name.removeprefix("self."))
    ]
    if not given:
        return _unknown(known, name)
    call, argument = given[0]
    known = known.at(call.started_at)
    value = definitions.value(known, call.function, argument) or "a value that was not recorded"
    how = came(known, call, argument)
    others = _others(known, given[1:], value)
    steps = (
        *_steps(known, call, argument, value),
        *others,
        *decision_steps(known, argument.name, value),
    )
    return Answer(name, f"{argument.name} of {call.function} is {value}, {how}.", steps)


def decision_steps(known: Known, name: str, value: str) -> Iterable[Step]:
    """Where the code decides by a piece of the argument."""
    paths = dict.fromkeys([*_entry_in_container(known), *known.sources.python_files()])
    for path in paths:
        tree = known.sources.tree(path)
        for decision in decisions(tree) if tree is not None else []:
            if decision.name.rpartition(".")[2] != name:
                continue
            text = value.lower() if decision.ignores_case else value
            is_in = "which is in it" if decision.needle in text else "which is not in it"
            place = Place(path, decision.line)
            line = known.sources.line(path, decision.line)
            said = f'decides by a piece of {name}: "{decision.needle}", {is_in}'
            yield Step("code", said, known.shown(place), line, BY_READING)


def came(known: Known, call: Call, argument: Argument) -> str:
    """How the argument came, as the end of a sentence."""
    if argument.came == "default":
        found = definitions.parameter(known, call.function, argument.name)
        where = f" of {_shown(known, found.place)}" if found else ""
        return f"the default{where}: nobody gave one"
    typed = _typed(known, argument.name)
    if not typed and _is_default(known, call, argument):
        found = definitions.parameter(known, call.function, argument.name)
        where = f" of {_shown(known, found.place)}" if found else ""
        return f"the default{where}: the command names none"
    if argument.came == "command line" or typed:
        return f"as typed: {typed or 'on the command line'}"
    lines = calling_lines(known, call, argument.name)
    lines = [line for line in lines if line.given == argument.value] or lines  # one that spells the value
    if len({line.place for line in lines}) == 1:
        line = lines[0]
        where = _shown(known, line.place)
        through = ""
        if line.parameter is not None:
            through = f", where it is the parameter {line.parameter.name} of {line.parameter.function}"
            named = _typed(known, line.parameter.name)
            default = line.parameter.default
            through += f", as typed: {named}" if named else f", whose default is {default}" if default else ""
        return f"given in {where}{through}"
    found = definitions.parameter(known, call.function, argument.name)
    is_default = found is not None and found.default == argument.value
    also = f", which is also the default of {_shown(known, found.place)}" if found and is_default else ""
    return f"given by the code that called{also}"


def _is_default(known: Known, call: Call, argument: Argument) -> bool:
    """Whether `modal run` itself filled the default in, as it does for every argument that is not typed."""
    found = definitions.parameter(known, call.function, argument.name)
    return (
        argument.came != "command line"
        and "run" in known.caller.argv
        and found is not None
        and found.default == argument.value
        and not calling_lines(known, call, argument.name)
    )


def _steps(known: Known, call: Call, argument: Argument, value: str) -> Iterable[Step]:
    typed = _typed(known, argument.name)
    if known.caller.argv:
        said = f"types it: {typed}" if typed else "does not name it"
        yield Step("command", f"`{clauses.command(known.caller.argv)}` {said}")
    elif known.run.kind == "schedule":
        yield Step("command", "its schedule started it, and gives no argument")
    elif call.made_in:
        yield Step("command", f"a request of the web function {call.made_in} made the call")
    else:
        yield Step("command", "who started the run was not recorded")
    for line in calling_lines(known, call, argument.name)[:_MOST_LINES]:
        where = _shown(known, line.place)
        by = "function" if call.parent else "launcher"
        yield Step(by, f"calls {call.function} with {line.given}", where, line.text, BY_READING)
    found = definitions.parameter(known, call.function, argument.name)
    if found is not None:
        is_used = ", which was used" if found.default == value else ", which was not used"
        default = f"the default is {found.default}{is_used}" if found.default else "there is no default"
        text = known.sources.line(found.place.file, found.place.line, on_launcher=True)
        yield Step("function", default, _shown(known, found.place), text, BY_READING)
    by = f"by {call.parent}" if call.parent else "from outside"
    yield Step("call", f"{call.call_id}, called {by}: {argument.name} = {value}", at=call.started_at)


def _shown(known: Known, place: Place) -> str:
    return known.shown(place, on_launcher=True)


def _others(known: Known, given: Sequence[tuple[Call, Argument]], value: str) -> list[Step]:
    """Calls of the run that got something else."""
    values: dict[tuple[str, str], list[Call]] = {}
    for call, argument in given:
        other = definitions.value(known, call.function, argument)
        if other != value:
            values.setdefault((call.function, other), []).append(call)
    steps = [
        Step("call", f"{len(calls)} more of {function}, with {other}, such as {calls[0].call_id}")
        for (function, other), calls in list(values.items())[:_MOST_VALUES]
    ]
    if len(values) > _MOST_VALUES:
        steps.append(Step("call", f"and {len(values) - _MOST_VALUES} more values"))
    return steps


def _typed(known: Known, name: str) -> str:
    """The words of the command line that give an option: `--config-path x.yaml`."""
    option = f"--{name.replace('_', '-')}"
    words = known.caller.argv
    file = next((i for i, word in enumerate(words) if "::" in word or word.endswith(".py")), -1)
    words = words[file + 1 :]  # those before it are modal's and homeport's own, such as --no-check
    for number, word in enumerate(words):
        if word == option:
            after = words[number + 1 : number + 2]
            return " ".join([word, *(each for each in after if not each.startswith("--"))])
        if word.startswith(f"{option}=") or word == f"--no-{option[2:]}":
            return word
    return ""


def _entry_in_container(known: Known) -> list[str]:
    twin = known.sources.twin(known.entry) if known.entry else None
    return [twin.path] if twin is not None else []


def _unknown(known: Known, name: str) -> Answer:
    names = list(dict.fromkeys(each.name for call in known.run.calls for each in call.arguments))
    if not names:
        calls = "its calls have none" if known.run.calls else "it called no function"
        return Answer(name, f"No argument {name} in {known.run.run_id}: {calls}.", is_found=False)
    near = nearest(name, names, 1)
    hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(names[:8])}."
    return Answer(name, f"No call of {known.run.run_id} has an argument {name}.{hint}", is_found=False)
