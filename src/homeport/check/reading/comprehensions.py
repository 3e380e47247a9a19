"""Comprehensions, turn by turn."""

import ast
from collections.abc import Iterator
from typing import Any

from homeport.check.reading.binding import Evaluator, assign
from homeport.check.reading.lifting import items_of, lift
from homeport.check.reading.merge import Rest, freeze, truth, why_of
from homeport.check.reading.scope import Scope
from homeport.check.values import FromShell, Unknown

MOST_ITEMS = 2000  # of a comprehension that is followed


def of_list_comprehension(node: ast.ListComp | ast.GeneratorExp, scope: Scope, value_of: Evaluator) -> Any:
    inner = scope.child()
    inner.outer = scope  # a class's names are seen by the first iterable only, which is close enough
    found: list[Any] = []
    for test in turns(node.generators, inner, value_of):
        if isinstance(test, Rest):
            found.append(Rest(test.why, scope.site(node)))
            continue
        value = value_of(node.elt, inner)
        is_sure = test is True or isinstance(value, FromShell)
        found.append(value if is_sure else Rest(why_of(test, ""), values=((freeze(value),), ())))
    return found


def of_set_comprehension(node: ast.SetComp, scope: Scope, value_of: Evaluator) -> Any:
    generator = ast.copy_location(ast.GeneratorExp(elt=node.elt, generators=node.generators), node)
    listed = of_list_comprehension(generator, scope, value_of)
    return lift(lambda *items: set(items), listed, node, scope)


def of_dict_comprehension(node: ast.DictComp, scope: Scope, value_of: Evaluator) -> Any:
    inner = scope.child()
    inner.outer = scope
    found: dict[Any, Any] = {}
    for test in turns(node.generators, inner, value_of):
        if isinstance(test, Rest):
            shell = next((part for part in iterated_shell(node.generators, inner, value_of)), None)
            found[shell or Unknown(test.why)] = shell or Unknown(test.why)
            continue
        key, value = value_of(node.key, inner), value_of(node.value, inner)
        if test is not True and not isinstance(value, FromShell):
            value = Unknown(why_of(test, "is only there in some cases"))
        try:
            found[key] = value
        except TypeError:
            return Unknown("has a key that cannot be one", scope.site(node))
    return found


def iterated_shell(
    generators: list[ast.comprehension], scope: Scope, value_of: Evaluator
) -> Iterator[FromShell]:
    for generator in generators:
        value = value_of(generator.iter, scope)
        if isinstance(value, FromShell):
            yield FromShell(value.name, Unknown("comes from the shell"), value.site)


def turns(generators: list[ast.comprehension], scope: Scope, value_of: Evaluator) -> Iterator[Any]:
    """Binds the targets for each turn, and says True, or the test that may leave the turn out, or Rest where
    there is any number of turns that cannot be told.
    """
    generator, *inner = generators
    source = value_of(generator.iter, scope)
    items = items_of(source)
    if items is None or len(items) > MOST_ITEMS:
        yield Rest(why_of(source, "goes through what is not known"))
        return
    for item in items:
        if isinstance(item, Rest):
            yield item
            continue
        assign(generator.target, item, scope, value_of)
        tests = [value_of(test, scope) for test in generator.ifs]
        if any(truth(test) is False for test in tests):
            continue
        doubt = next((test for test in tests if truth(test) is None), True)
        for test in turns(inner, scope, value_of) if inner else [True]:
            yield doubt if test is True else test
