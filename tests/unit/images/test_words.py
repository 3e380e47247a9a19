"""Words of instructions: quotes, backslashes, variables."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.model.errors import InvalidError
from homeport.plan.words import expand, split_words

VARIABLES = {"HOME": "/root", "EMPTY": "", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("plain", "plain"),
        ("$HOME/x", "/root/x"),
        ("${HOME}x", "/rootx"),
        ('"$HOME x"', "/root x"),
        ("'$HOME'", "$HOME"),
        (r"\$HOME", "$HOME"),
        (r'"\$HOME"', "$HOME"),
        (r'"a\nb"', r"a\nb"),  # between double quotes only ", $ and \ are escaped
        ("a\\ b", "a b"),
        ("$MISSING", ""),
        ("${MISSING:-$HOME/d}", "/root/d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${HOME:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("/app:$PATH", "/app:/bin"),
        ("a$", "a$"),
        ("$1", "$1"),
        ("'it'\"'\"'s'", "it's"),
    ],
)
def test_expansion(word: str, value: str) -> None:
    assert expand(word, VARIABLES) == value


@pytest.mark.parametrize("word", ["'a", '"a', "${HOME", "${HOME/a/b}", "${}", "${MISSING:?say why}"])
def test_what_cannot_be_expanded(word: str) -> None:
    with pytest.raises(InvalidError):
        expand(word, VARIABLES)


def test_words_keep_quotes_and_split_only_outside_of_them() -> None:
    assert split_words("""A='x y' B="p q"  C=a\\ b""") == ["A='x y'", 'B="p q"', "C=a\\ b"]


def test_an_open_quote_is_named() -> None:
    with pytest.raises(InvalidError, match="not closed"):
        split_words("A='x y")


@given(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"])))
def test_what_the_client_quotes_comes_out_as_it_went_in(value: str) -> None:
    """Image.env writes ENV NAME=<shlex.quote(value)>."""
    (word,) = split_words(f"NAME={shlex.quote(value)}")
    assert expand(word.partition("=")[2], VARIABLES) == value
