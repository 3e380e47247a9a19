"""Blocks and branches: which statements come after which, and both ways where a test cannot be told."""

import ast
from collections.abc import Callable
from typing import Any

from homeport.check.reading.binding import assign
from homeport.check.reading.evaluate import value_of
from homeport.check.reading.lifting import items_of, lift
from homeport.check.reading.merge import Repeated, Rest, truth, why_of
from homeport.check.reading.scope import (
    BREAKS,
    CONTINUES,
    FALLS,
    RAISES,
    RETURNS,
    OpenFile,
    Scope,
    StoppedError,
    TooLongError,
)
from homeport.check.values import Unknown

MOST_TURNS = 1000

STATEMENTS: dict[type[ast.stmt], Callable[[Any, Scope], str]] = {}  # statements.py fills it


def run_block(statements: list[ast.stmt], scope: Scope) -> str:
    """Follows statements in order; says how they end."""
    for index, statement in enumerate(statements):
        scope.world.spend()
        try:
            if isinstance(statement, ast.If):
                end = run_if(statement, statements[index + 1 :], scope)
                if end is not None:
                    return end
                continue
            handler = STATEMENTS.get(type(statement))
            end = handler(statement, scope) if handler else FALLS
        except StoppedError:
            return RAISES
        if end:
            return end
    return FALLS


def ends_early(statements: list[ast.stmt]) -> bool:
    """Whether a block leaves its loop or function, in some branch of it."""
    for statement in statements:
        if isinstance(statement, ast.Return | ast.Break | ast.Continue):
            return True
        if isinstance(statement, ast.If) and (ends_early(statement.body) or ends_early(statement.orelse)):
            return True
        if isinstance(statement, ast.With | ast.Try) and ends_early(statement.body):
            return True
    return False


def run_if(node: ast.If, following: list[ast.stmt], scope: Scope) -> str | None:
    """None: the block goes on with its next statement. Where the test cannot be told and one branch leaves
    early, what follows is part of the other.
    """
    test = value_of(node.test, scope)
    known = truth(test)
    if known is not None:
        return run_block(node.body if known else node.orelse, scope) or None
    takes_rest = ends_early(node.body) or ends_early(node.orelse)
    rest = following if takes_rest else []

    def way(branch: list[ast.stmt]) -> Callable[[], str]:
        return lambda: run_block(branch, scope) or run_block(rest, scope)

    ends = scope.world.either([way(node.body), way(node.orelse)], test)
    end = joined(ends)
    return end if takes_rest or end else None


def joined(ends: list[str]) -> str:
    """How code ends of which the ways end so; a way that raises is not gone, as far as the rest knows."""
    living = [end for end in ends if end != RAISES]
    if not living:
        return RAISES
    return next((end for end in (FALLS, CONTINUES, BREAKS, RETURNS) if end in living), FALLS)


def run_for(node: ast.For | ast.AsyncFor, scope: Scope) -> str:
    source = value_of(node.iter, scope)
    items = items_of(source)
    is_told = items is not None and len(items) <= MOST_TURNS
    for item in (
        items if is_told and items is not None else [Rest(why_of(source, "goes through what is not known"))]
    ):
        if isinstance(item, Rest):
            end = maybe_turn(node, item, scope)
        else:
            assign(node.target, item, scope, value_of)
            end = run_block(node.body, scope)
        if end in (RETURNS, RAISES):
            return end
        if end == BREAKS:
            return FALLS
    return run_block(node.orelse, scope)


def maybe_turn(node: ast.For | ast.AsyncFor, item: Rest, scope: Scope) -> str:
    def turn() -> str:
        assign(node.target, Unknown(item.why, scope.site(node.iter)), scope, value_of)
        return run_block(node.body, scope)

    scope.world.either([turn, lambda: FALLS], Repeated(item.why))
    return FALLS


def run_while(node: ast.While, scope: Scope) -> str:
    for _ in range(MOST_TURNS):
        test = value_of(node.test, scope)
        known = truth(test)
        if known is False:
            return run_block(node.orelse, scope)
        if known is None:
            why = why_of(test, "is done as often as a test says that cannot be told")
            scope.world.either([lambda: run_block(node.body, scope), lambda: FALLS], Repeated(why))
            return FALLS
        end = run_block(node.body, scope)
        if end in (RETURNS, RAISES):
            return end
        if end == BREAKS:
            return FALLS
    raise TooLongError


def run_with(node: ast.With | ast.AsyncWith, scope: Scope) -> str:
    for item in node.items:
        value = value_of(item.context_expr, scope)
        if item.optional_vars is not None:
            if not isinstance(value, OpenFile):
                value = Unknown(
                    why_of(value, "is what a with statement gives"), scope.site(item.context_expr)
                )
            assign(item.optional_vars, value, scope, value_of)
    return run_block(node.body, scope)


def run_try(node: ast.Try, scope: Scope) -> str:
    world = scope.world
    before, imports_before = world.risks, world.import_risks
    ended: list[str] = []

    def main() -> str:
        ended.append(run_block(node.body, scope))
        return ended[0] or run_block(node.orelse, scope)

    def handled(handler: ast.ExceptHandler) -> str:
        if ended == [RAISES]:  # the handler begins with what the body did until there
            run_block(node.body, scope)
        return run_handler(handler, scope)

    def handlers() -> list[Callable[[], str]]:
        """Those that may be reached: a body that raises nothing for certain reaches none."""
        return [
            lambda handler=handler: handled(handler)  # type: ignore[misc]
            for handler in node.handlers
            if ended == [RAISES]
            or (world.import_risks > imports_before if is_for_imports(handler) else world.risks > before)
        ]

    ends = world.either([main], Unknown("depends on whether something fails"), handlers)
    return run_block(node.finalbody, scope) or joined(ends)


def is_for_imports(handler: ast.ExceptHandler) -> bool:
    """Whether it catches the errors of imports alone."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return all(
        isinstance(kind, ast.Name) and kind.id in ("ImportError", "ModuleNotFoundError") for kind in kinds
    )


def run_handler(handler: ast.ExceptHandler, scope: Scope) -> str:
    if handler.name:
        scope.bind(handler.name, Unknown("is an exception"))
    return run_block(handler.body, scope)


def run_match(node: ast.Match, scope: Scope) -> str:
    subject = value_of(node.subject, scope)
    ways: list[Callable[[], str]] = [lambda: FALLS]
    for case in node.cases:
        pattern = case.pattern
        if isinstance(pattern, ast.MatchValue) and case.guard is None:
            found = lift(
                lambda one, other: one == other,
                [subject, value_of(pattern.value, scope)],
                node.subject,
                scope,
            )
            if truth(found) is True and len(ways) == 1:
                return run_block(case.body, scope)
            if truth(found) is False:
                continue
        is_last = isinstance(pattern, ast.MatchAs) and pattern.pattern is None and case.guard is None
        if is_last and len(ways) == 1:
            if isinstance(pattern, ast.MatchAs) and pattern.name:
                scope.bind(pattern.name, subject)
            return run_block(case.body, scope)
        ways.append(lambda case=case: run_block(case.body, scope))  # type: ignore[misc]
        if is_last:
            del ways[0]
            break
    return joined(scope.world.either(ways, subject))


BLOCKS: dict[type[ast.stmt], Callable[[Any, Scope], str]] = {
    ast.For: run_for,
    ast.AsyncFor: run_for,
    ast.While: run_while,
    ast.With: run_with,
    ast.AsyncWith: run_with,
    ast.Try: run_try,
    ast.TryStar: run_try,
    ast.Match: run_match,
}
