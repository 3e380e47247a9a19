"""What conditions are held against: values of configuration files, arguments, defaults in the source."""

import pytest

from homeport.record.contracts.configuration import argument_text, values_of
from homeport.record.contracts.defaults import defaults


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/a.yaml", "data: {cache: /x}\nseed: 1\nfast: false\n"),
        ("/a.json", '{"data": {"cache": "/x"}, "seed": 1, "fast": false}'),
        ("/a.TOML", 'seed = 1\nfast = false\n[data]\ncache = "/x"\n'),
    ],
)
def test_values_by_their_dotted_keys(path: str, text: str) -> None:
    assert values_of(text, path) == {"data.cache": "/x", "seed": "1", "fast": "false"}


@pytest.mark.parametrize(
    ("path", "text"), [("/a.yaml", "a: ["), ("/a.json", ""), ("/a.txt", "a: 1"), ("a", "")]
)
def test_what_cannot_be_read_has_no_values(path: str, text: str) -> None:
    assert values_of(text, path) == {}


def test_arguments_as_conditions_have_them() -> None:
    assert [argument_text(v) for v in ('"a.yaml"', "3", "true", "<Config>", "[1, 2]")] == [
        "a.yaml",
        "3",
        "true",
        "<Config>",
        "[1, 2]",
    ]


def test_defaults_are_read_from_the_source() -> None:
    source = """
PATH = "configs/full.yaml"

@app.function()
def train(a, config_path: str = PATH, *, n=3, seed=make()): ...

class Trainer:
    def fit(self, mode="full"): ...
"""
    assert defaults(source, "train") == {"config_path": "configs/full.yaml", "n": "3"}
    assert defaults(source, "Trainer.fit") == {"mode": "full"}
    assert defaults(source, "other") == {} and defaults("def (", "train") == {}
