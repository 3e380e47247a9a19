"""What looks like a secret's value in a text: found for a rule, and hidden wherever source is shown."""

import math
import re
from collections import Counter

# Tokens that their makers gave a beginning of their own, so that they can be found.
KNOWN = {
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}",
    "an OpenAI or Anthropic key": r"sk-[A-Za-z0-9_-]{20,}",
    "a GitHub token": r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "a GitLab token": r"glpat-[A-Za-z0-9_-]{20,}",
    "an AWS access key": r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
    "a Slack token": r"xox[abprs]-[A-Za-z0-9-]{10,}",
    "a Modal token": r"a[ks]-[A-Za-z0-9]{22}",
    "a Weights & Biases key": r"wandb_v1_[A-Za-z0-9_]{20,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
PATTERN = re.compile(
    "|".join(f"(?P<k{number}>(?<![A-Za-z0-9_-]){pattern})" for number, pattern in enumerate(KNOWN.values()))
)
NAME = re.compile(
    r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD|CREDENTIALS?|APIKEY)(?:_ID)?$", re.IGNORECASE
)
PASSWORD = re.compile(r"PASSWORD|PASSWD|PWD", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"your|xxx|\.\.\.|…|<|>|\$|\{|change|example|placeholder|dummy|fake|sample|insert|replace|todo|none|null|test|"
    r"secret|password|token|0000|1234",
    re.IGNORECASE,
)
MADE_UP = re.compile(r"your|xxx|example|placeholder|dummy", re.IGNORECASE)
QUOTED = re.compile(r"""(["'])([^\s"'\\{}$<>]{16,400})\1|(-----BEGIN )""")
PASSWORD_GIVEN = re.compile(r"""(?:PASS|pass|PWD|pwd)(?:WORD|word|WD|wd)?["'\]]*\s*[:=,]\s*["'][^"'\n]{6,}""")


def names_a_secret(name: str) -> bool:
    """Whether a variable's or argument's name says that its value is a secret: WANDB_API_KEY, hf_token."""
    return NAME.search(name) is not None and name != "key"


def known_kind(text: str) -> str:
    """What a token in the text is, by its beginning; "" where there is none."""
    match = PATTERN.search(text)
    if match is None or match.lastgroup is None or MADE_UP.search(match[0]) or len(set(match[0])) < 8:
        return ""
    if not match[0].startswith("-") and not re.search(r"\d", match[0]):
        return ""
    return list(KNOWN)[int(match.lastgroup[1:])]


def looks_random(text: str) -> bool:
    """Whether a text is one that nobody made up: long, of letters and digits, in no order."""
    if len(text) < 16 or PLACEHOLDER.search(text) or re.search(r"\s", text):
        return False
    if len(re.findall(r"\d+", text)) < 3:  # words, perhaps with a number
        return False
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values()) >= 3.0


def lines_with_candidates(text: str) -> list[int]:
    """The lines of a source that hold a literal which may be a secret's value."""
    places = [
        match.start()
        for match in QUOTED.finditer(text)
        if match[3] or known_kind(match[2]) or looks_random(match[2])
    ]
    places += [match.start() for match in PASSWORD_GIVEN.finditer(text)]
    return sorted({text.count("\n", 0, place) + 1 for place in places})


def is_placeholder(text: str) -> bool:
    return len(set(text)) < 4 or PLACEHOLDER.search(text) is not None


def redacted(line: str) -> str:
    """A line of source without what looks like a secret's value in it, of the same width."""

    def hide(match: re.Match[str]) -> str:
        return match[0][:4] + "*" * (len(match[0]) - 4)

    line = PATTERN.sub(hide, line)
    line = PASSWORD_GIVEN.sub(lambda match: re.sub(r"(?<=[\"'])[^\"']{6,}$", _stars, match[0]), line)
    return QUOTED.sub(
        lambda match: (
            f"{match[1]}{'*' * len(match[2])}{match[1]}" if match[2] and looks_random(match[2]) else match[0]
        ),
        line,
    )


def _stars(match: re.Match[str]) -> str:
    return "*" * len(match[0])
