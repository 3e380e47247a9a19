"""Configuration is recorded without its secrets, and with all else."""

import pytest

from homeport.record.masking import is_secret_name, masked


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
