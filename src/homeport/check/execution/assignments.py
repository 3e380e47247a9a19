"""What assignments bind: names, attributes, items, variables of the environment, sys.path."""

import ast
from dataclasses import replace

from homeport.check.execution.core import Core, End
from homeport.check.execution.environment import set_variable, update_environment
from homeport.check.execution.objects import (
    MADE,
    REST,
    External,
    Instance,
    ModuleState,
    UserClass,
    is_same,
)
from homeport.check.execution.operators import compute
from homeport.check.execution.search_path import add_all, replace_path
from homeport.check.values import Value

SYS_PATH = External("sys.path")
ENVIRON = External("os.environ")


class Assignments(Core):
    def assignment(self, node: ast.Assign) -> End:
        value = self.evaluate(node.value)
        for target in node.targets:
            if isinstance(target, ast.Attribute | ast.Subscript) and self.is_path_edit(target, value, node):
                continue
            self.assign(target, value)
        return ""

    def is_path_edit(self, target: ast.Attribute | ast.Subscript, value: Value, node: ast.Assign) -> bool:
        """`sys.path = [...]`, `sys.path[:0] = [...]`."""
        whole = target.value if isinstance(target, ast.Subscript) else target
        if self.evaluate_target(whole) != SYS_PATH:
            return False
        if isinstance(target, ast.Attribute):
            replace_path(self, value, node)
            return True
        if isinstance(target.slice, ast.Slice):
            lower, upper = target.slice.lower, target.slice.upper
            if lower is None and upper is None:
                replace_path(self, value, node)
            else:
                is_front = lower is None or (isinstance(lower, ast.Constant) and lower.value == 0)
                add_all(self, value, node, node.value, in_front=is_front)
        else:
            add_all(self, (value,), node, None, in_front=True)
        return True

    def evaluate_target(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return self.evaluate(node)
        return MADE

    def annotated(self, node: ast.AnnAssign) -> End:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))
        return ""

    def augmented(self, node: ast.AugAssign) -> End:
        value = self.evaluate(node.value)
        target = self.evaluate_loaded(node.target)
        if target == SYS_PATH:
            add_all(self, value, node, node.value)
            return ""
        if target == ENVIRON:  # os.environ |= {…}
            update_environment(self, (value,), {}, node)
            return ""
        self.assign(node.target, compute(node.op, target, value))
        return ""

    def evaluate_loaded(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Name | ast.Attribute):
            return self.evaluate(node)
        if isinstance(node, ast.Subscript):
            self.evaluate(node.slice)
        return MADE

    def assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self.set_name(name, value)
            case ast.Attribute():
                base = self.evaluate(target.value)
                if isinstance(base, Instance | ModuleState | UserClass):
                    holder = base.variables if isinstance(base, ModuleState) else base.attributes
                    is_known = self.is_certain or is_same(holder.get(target.attr, MADE), value)
                    holder[target.attr] = value if is_known else MADE
                elif base == ENVIRON:
                    set_variable(self, MADE, MADE, target)
            case ast.Subscript():
                self.assign_item(target, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self.unpack(targets, value)
            case ast.Starred(value=inner):
                self.assign(inner, value)

    def set_name(self, name: str, value: Value) -> None:
        frame = self.frame
        if name in frame.global_names:
            frame.state.variables[name] = value if self.is_certain else MADE
        elif name in frame.outer_names:
            for variables in frame.enclosing:
                if name in variables:
                    variables[name] = value if self.is_certain else MADE
                    break
        else:
            frame.variables[name] = value

    def unpack(self, targets: list[ast.expr], value: Value) -> None:
        is_known = isinstance(value, tuple) and len(value) == len(targets) and REST not in value
        starred = any(isinstance(target, ast.Starred) for target in targets)
        for number, target in enumerate(targets):
            self.assign(target, value[number] if is_known and not starred else MADE)

    def assign_item(self, target: ast.Subscript, value: Value) -> None:
        base = self.evaluate(target.value)
        index = self.evaluate(target.slice)
        if base == ENVIRON:
            set_variable(self, index, value, target)
        elif base == External("sys.modules"):
            self.stand_in(index)
        elif isinstance(base, dict) and isinstance(index, str | int) and len(base) < 1000:
            self.assign_back(target.value, {**base, index: value})
        elif isinstance(base, dict | tuple):
            self.assign_back(target.value, MADE)

    def stand_in(self, name: Value) -> None:
        """`sys.modules["flash_attn"] = ...`: an import finds what is put there, with names nobody sees."""
        if isinstance(name, str):
            state = self.process.modules.setdefault(name, ModuleState(name, None, "sys.modules", True))
            state.is_open = True
        else:
            self.place = replace(self.place, is_path_open=True)

    def assign_back(self, holder: ast.expr, value: Value) -> None:
        """A dict or list that changed is a new value of the variable that holds it."""
        if isinstance(holder, ast.Name):
            name = holder.id
            frame = self.frame
            if name in frame.variables:
                frame.variables[name] = value
                return
            for variables in (*frame.enclosing, frame.state.variables):
                if name in variables:
                    variables[name] = value if self.is_certain else MADE
                    return
        elif isinstance(holder, ast.Attribute):
            self.assign(holder, value)

    def delete(self, node: ast.Delete) -> End:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and self.evaluate_target(target.value) == ENVIRON:
                set_variable(self, self.evaluate(target.slice), None, target)
            elif isinstance(target, ast.Name):
                self.frame.variables.pop(target.id, None)
        return ""
