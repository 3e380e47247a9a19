"""The places of keys and values in TOML: of any document, in any style, each is where it says."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homeport.record.contracts.locate import Locations, Path

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8) | st.sampled_from(
    ["a.b", "a b", "#", "]", "}", "=", "a,b", '"', "'", "\\", '""', "\n", "[x]", "é🙂"]
)
bare = st.text("abcXYZ019_-", min_size=1, max_size=4)
blank = st.sampled_from(["", " ", "\t ", "  "])
gap = st.sampled_from(["", " ", "\n", " # ] } ,= \" '\n ", "\n\n"])


def _basic(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\x7f", "\\u007F")
    return f'"{escaped}"'


@st.composite
def strings(draw: st.DrawFn) -> str:
    text = draw(texts)
    styles = [_basic(text)]
    if "'" not in text and "\n" not in text:
        styles.append(f"'{text}'")
        styles.append(f"'''\n{text}'''")
    styles.append('"""' + _basic(text)[1:-1].replace("\\n", "\n") + '"""')
    return draw(st.sampled_from(styles))


keys = bare | texts.filter(lambda t: "\n" not in t).map(_basic)
scalars = strings() | st.sampled_from(
    [
        "1",
        "-2_000",
        "0.5e3",
        "inf",
        "nan",
        "true",
        "false",
        "1979-05-27 07:32:00",
        "1979-05-27",
        "07:32:00.5",
        "0xff",
    ]
)


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(inner, max_size=3))
    body = ",".join(f"{draw(gap)}{item}{draw(gap)}" for item in items)
    return f"[{body}{draw(gap)}{',' if items and draw(st.booleans()) else ''}{draw(gap)}]"


@st.composite
def inline_tables(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    names = draw(st.lists(keys, max_size=3, unique_by=lambda key: _key(key)))
    pairs = [f"{draw(blank)}{name}{draw(blank)}={draw(blank)}{draw(inner)}{draw(blank)}" for name in names]
    return "{" + ",".join(pairs) + "}"


values = st.recursive(scalars, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=5)


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 6))):
        dotted = (draw(blank) + "." + draw(blank)).join(draw(st.lists(keys, min_size=1, max_size=3)))
        kind = draw(st.sampled_from(["pair", "pair", "table", "array"]))
        if kind == "pair":
            lines.append(f"{draw(blank)}{dotted} = {draw(values)}{draw(blank)}")
        else:
            opening, closing = ("[", "]") if kind == "table" else ("[[", "]]")
            lines.append(f"{draw(blank)}{opening}{draw(blank)}{dotted}{draw(blank)}{closing} # a comment")
        lines.append(draw(st.sampled_from(["", "# [x]", "  "])))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def _key(written: str) -> str:
    return next(iter(tomllib.loads(f"{written} = 1")))


def _paths(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    found = [(path, value)] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _paths(inner, (*path, key))
    return found


@given(documents())
def test_every_value_is_where_its_place_says(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # two of one name
    places = Locations(text)
    for path, value in _paths(document):
        span = places.spans[path]
        line, column = places.position(span.key)
        rest = places.text.split("\n")[line - 1][column - 1 :]
        assert places.text[span.key :].startswith(rest)
        if isinstance(path[-1], str):
            assert next(iter(tomllib.loads(f"{_written_key(rest)} = 1"))) == path[-1]
        written = places.text[span.start : span.end]
        inner = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        if (isinstance(value, dict) and written.startswith("[")) or any(
            places.spans[*path, key].start == span.start for key in inner
        ):
            continue  # a table of its own, or a dotted key's: its place is the header's or the pair's
        assert repr(tomllib.loads(f"x = {written}")["x"]) == repr(value) and written == written.strip()
        assert places.value(path) == places.position(span.start)


def _written_key(text: str) -> str:
    """The one key that a text begins with."""
    for end in range(1, len(text) + 1):
        rest = text[end:].lstrip(" \t")
        if rest[:1] in (".", "=", "]", "") and not text[:end].endswith((" ", "\t", "\\")):
            try:
                if len(tomllib.loads(f"{text[:end]} = 1")) == 1:
                    return text[:end]
            except tomllib.TOMLDecodeError:
                continue
    raise AssertionError(f"no key at {text!r}")
