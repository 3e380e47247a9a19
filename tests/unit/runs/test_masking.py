"""Configuration is recorded without its secrets, and with all else."""

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.record.masking import MASK, ExactValues, is_secret_name, masked, masked_difference, masked_words
from homeport.record.run import Argument, Call, Run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api_key: sk-123\nlr: 0.1\n", "api_key: <masked>\nlr: 0.1\n"),
        ('{"token": "a\\"b", "max_tokens": 512}', '{"token": "<masked>", "max_tokens": 512}'),
        ("dbPassword = 'x y'\n", "dbPassword = '<masked>'\n"),
        ("AWS_SECRET_ACCESS_KEY=abc/def\n", "AWS_SECRET_ACCESS_KEY=<masked>\n"),
        ("url: postgres://me:hunter2@host/db\n", "url: postgres://me:<masked>@host/db\n"),
        (
            "key: |\n  -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n",
            "key: |\n  <masked>\n",
        ),
        ("pad_token: <pad>\nkeyboard: de\nlimit: 50\n", "pad_token: <pad>\nkeyboard: de\nlimit: 50\n"),
        ("token:\n  path: x\n", "token:\n  path: x\n"),
    ],
)
def test_values_of_keys_that_look_like_secrets_are_left_out(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "API-KEY", "wandb.token", "PASSWORD", "secret", "authKey"]
)
def test_secrets_are_known_by_their_names(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokenizer", "key", "keys", "eos_token", "monkey", "secretary"]
)
def test_other_names_are_none(name):
    assert not is_secret_name(name)


def test_a_long_word_takes_time_in_proportion_to_its_length() -> None:
    for text in (
        *("a" * 65_536, "a.b-" * 16_000, "1a" * 30_000, '"a' * 30_000, "a" + " " * 65_000),
        *("-----BEGIN " * 6_000, "://a:" * 13_000, "--a " * 16_000, "'a\\" * 20_000, "a :" * 20_000),
        *("-.1" * 20_000, "token" * 13_000, "a=" * 30_000, 'a="\\' * 16_000),
    ):
        began = time.process_time()
        masked_words([text, text])
        masked_difference(f"diff --git a/x.py b/x.py\n{text}")
        masked(text)
        assert time.process_time() - began < 2  # it was five minutes


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("train", "--api-key", "X", "--lr", "1"), ("train", "--api-key", "<masked>", "--lr", "1")),
        (("train", "--token=X", "--max-tokens", "9"), ("train", "--token=<masked>", "--max-tokens", "9")),
        (("env", "WANDB_API_KEY=X y", "run"), ("env", "WANDB_API_KEY=<masked>", "run")),
        (("get", "https://me:X@host/x"), ("get", "https://me:<masked>@host/x")),
        (
            ("bash", "-c", "modal run --password X a.py", "A_TOKEN=X; ls"),
            ("bash", "-c", "modal run --password <masked> a.py", "A_TOKEN=<masked>"),
        ),
        (("curl", "-H", "Authorization: Bearer X"), ("curl", "-H", "Authorization: <masked>")),
        (("train", "--token", "--fast"), ("train", "--token", "--fast")),
    ],
)
def test_command_lines(words: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert masked_words(words) == expected


def test_a_difference_of_code_keeps_its_code() -> None:
    code = 'diff --git a/a.py b/a.py\n+token = read(x)\n+api_key = "X"\n'
    settings = "diff --git a/a.yaml b/a.yaml\n+api_key: X\n"
    assert masked_difference(code + settings) == (
        'diff --git a/a.py b/a.py\n+token = read(x)\n+api_key = "<masked>"\n'
        "diff --git a/a.yaml b/a.yaml\n+api_key: <masked>\n"
    )


VALUES = st.text(st.characters(exclude_categories=("Cs",)), min_size=6).filter(
    lambda value: len(" ".join(value.split())) >= 6
)


@given(VALUES, st.text(), st.text())
def test_a_known_value_is_left_out_however_it_is_written(value: str, before: str, behind: str) -> None:
    values = ExactValues([value])
    for written in (
        value,
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        repr(value),
        quote(value),
    ):
        assert written.strip("\"'") not in values.masked(f"{before}{written}{behind}") or written in MASK
    for is_ascii in (False, True):
        lines = json.dumps({"text": [before, value]}, ensure_ascii=is_ascii) + "\n" + "{damaged\n"
        found = values.masked_json(lines.encode()).decode().split("\n")
        assert value not in json.loads(found[0])["text"][1] and found[1] == "{damaged"


def test_what_names_parts_of_a_record_stays_and_short_values_too() -> None:
    values = ExactValues(["succeeded", "train_it", "50", "ap-123456"])
    call = Call("ap-123456", "train_it", (Argument("train_it", "train_it 50"),))
    run = Run("ap-123456", state="succeeded", outcome="succeeded with 50", calls=(call,))
    found = values.part(run)
    assert found.state == "succeeded" and found.run_id == "ap-123456"
    assert found.outcome == "<masked> with 50"
    assert found.calls[0].function == "train_it" and found.calls[0].arguments[0].value == "<masked> 50"
    assert ExactValues(["other_one"]).part(run) is run


def test_a_text_keeps_its_lines() -> None:
    values = ExactValues(["-- BEGIN --\nline one of the key\n-- END --"])
    assert values.masked("a\n-- BEGIN --\nline one of the key\n-- END --\nb") == "a\n<masked>\n\n\nb"
    assert values.masked("x = line one of the key") == "x = <masked>"
