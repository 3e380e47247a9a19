"""A report's page: one HTML file that loads nothing, from a template and a style of the pipeline's own.

What both pipelines' pages share (colours in light, dark and on paper, tables, notes) is style.css here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one line that a reader should take away. `tone`: good, warn or bad."""

    tone: str
    word: str
    words: str


def render(folder: Path, template: str, **values: Any) -> str:
    """`template` of `folder` with the values, and `style`: this folder's and that of `folder`."""
    # autoescape for every template: names of files and settings come from outside
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    style = "".join((place / "style.css").read_text(encoding="utf-8") for place in (HERE, folder))
    return environment.get_template(template).render(style=Markup(style), **values)
