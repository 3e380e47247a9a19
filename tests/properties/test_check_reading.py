"""Whatever stands in an app's file, reading it ends, soon and without an exception."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.check.reading import read_app
from homeport.check.source import Sources

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = [
    (REPOSITORY / name).read_text()
    for name in (
        "deploy/modal/app.py",
        "examples/fifty_files/app.py",
        "src/tiny_cats/cloud.py",
        "tests/apps/speech/modal_finetune.py",
        "tests/apps/lora/src/common.py",
        "tests/apps/notebook/launch.py",
        "tests/apps/detector/finetune.py",
    )
]
WORDS = [
    *(
        "modal",
        "app",
        "image",
        "os",
        "environ",
        "None",
        "[]",
        "{}",
        "()",
        "*x",
        "**x",
        "not",
        "lambda: 0",
        "...",
    ),
    *(
        "for x in x:",
        "if x:",
        "else:",
        "try:",
        "return",
        "yield",
        "await",
        "del",
        "=",
        "+=",
        ":=",
        ".",
        ",",
        "10**9",
    ),
]


@st.composite
def sources_of_apps(draw: st.DrawFn) -> str:
    """An app of which lines are moved and words are replaced."""
    lines = draw(st.sampled_from(APPS)).splitlines()
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        lines[place], lines[other] = lines[other], lines[place]
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(lines) - 1))
        words = lines[place].split(" ")
        words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
        lines[place] = " ".join(words)
    return "\n".join(lines) + "\n"


@given(sources_of_apps())
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_a_damaged_app(tmp_path_factory, text: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.getbasetemp() / "damaged.py"
    file.write_text(text)
    sources = Sources()
    app = read_app(sources.read(file), sources, file.parent)
    assert app.functions or app.how == "static"


@given(st.binary(max_size=200))
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_any_bytes(tmp_path_factory, content: bytes) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.getbasetemp() / "bytes.py"
    file.write_bytes(content)
    sources = Sources()
    module = sources.read(file)
    assert not (module.error and module.tree.body)
    read_app(module, sources, file.parent)


EXPRESSIONS = st.recursive(
    st.sampled_from(
        ["1", "'a'", "x", "None", "[]", "()", "{}", "os", "modal", "os.environ", "Path('/a')", "b'c'", "2.5"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%@|&^<>"), inner).map(" ".join),
        st.tuples(inner, st.sampled_from(["or", "and", "in", "is", "==", "if x else", "not in"]), inner).map(
            " ".join
        ),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, max_size=3).map(lambda parts: f"f({', '.join(parts)})"),
        st.tuples(inner, inner).map(lambda pair: f"{{{pair[0]}: {pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})[{pair[1]}]"),
        st.tuples(
            inner,
            st.sampled_from(["get", "split", "name", "append", "parents", "Image", "App", "pop", "format"]),
        ).map(lambda pair: f"({pair[0]}).{pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})(*[{pair[1]}], **{{'a': {pair[1]}}})"),
        st.tuples(inner, inner).map(lambda pair: f"[{pair[0]} for x in ({pair[1]}) if ({pair[0]})]"),
        inner.map(lambda part: f"f'{{({part})!r}}'" if "'" not in part else f"(lambda *x: {part})(1)"),
    ),
    max_leaves=12,
)


@given(st.lists(EXPRESSIONS, min_size=1, max_size=6))
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
def test_any_expressions(tmp_path_factory, expressions: list[str]) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.getbasetemp() / "expressions.py"
    top = "import os, modal\nfrom pathlib import Path\nx = 1\ndef f(*a, **b): return a\n"
    text = top + "".join(f"x = {expression}\n" for expression in expressions)
    file.write_text(text)
    sources = Sources()
    module = sources.read(file)
    app = read_app(module, sources, file.parent)
    assert app.how == "static"
