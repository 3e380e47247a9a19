"""No setting exists that nothing reads: the predecessor parsed options and went its own way."""

import ast
from pathlib import Path

from pydantic import BaseModel

from tiny_cats.config.schema import ClassifierConfig, DitConfig

PACKAGE = Path(__file__).parents[2] / "src" / "tiny_cats"


def fields(section: type[BaseModel]) -> set[str]:
    found = set(section.model_fields)
    for field in section.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= fields(field.annotation)
    return found


def read_names() -> set[str]:
    """Every attribute that the package reads, outside of its schema; training_kit reads what runs share."""
    trees = [
        ast.parse(path.read_text())
        for package in (PACKAGE, PACKAGE.parent / "training_kit")
        for path in package.rglob("*.py")
        if path.parent.name != "config"
    ]
    # properties of the schema itself stand for the settings that they are made of
    schema = ast.parse((PACKAGE / "config" / "schema.py").read_text())
    trees += [
        node
        for node in ast.walk(schema)
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(one, ast.Name) and one.id == "property" for one in node.decorator_list)
    ]
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_every_setting_is_read_by_something() -> None:
    assert sorted((fields(ClassifierConfig) | fields(DitConfig)) - read_names()) == []
