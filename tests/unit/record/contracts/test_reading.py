"""homeport.toml: what it says, and all that is wrong with it at once, each with its place."""

import pytest

from homeport.record.contracts.mistakes import BadContractsError
from homeport.record.contracts.reading import decode, read
from homeport.record.contracts.terms import Expectation, is_function

FULL = r"""
[contract.full]
when = { function = "train", config_path = "configs/tusz_train_a100.yaml" }
forbid_env = ["BGB_LIMIT_FILES"]
observe = 'Loading (?P<train>\d+) train, (?P<val>\d+) val files'
expect = { train = 3734, val = 933, cache = "/results/cache/tusz" }
on_violation = "stop"      # or "warn"
"""


def test_the_contract_of_the_design_is_read() -> None:
    (terms,) = read(FULL).contracts
    assert terms.name == "full" and terms.line == 2 and terms.on_violation == "stop"
    assert terms.when.of_call("app", "train", {"config_path": "./configs/tusz_train_a100.yaml"})
    assert not terms.when.of_call("app", "train", {"config_path": "configs/smoke.yaml"})
    assert not terms.when.of_call("app", "train", {})
    assert terms.expect["train"].holds("3,734") and not terms.expect["train"].holds("50")


def test_a_condition_may_say_what_it_is_not() -> None:
    (terms,) = read('[contract.full]\nwhen = { config_path = { not = "configs/smoke.yaml" } }').contracts
    assert not terms.when.of_call("app", "train", {"config_path": "./configs/smoke.yaml"})
    for other in ("configs/full.yaml", "configs/Smoke.YAML", "old/configs/smoke.yaml", ""):
        assert terms.when.of_call("app", "train", {"config_path": other})
    assert terms.when.of_call("app", "train", {})
    assert str(terms.when) == "config_path = not configs/smoke.yaml"


def test_every_key_has_its_place() -> None:
    (terms,) = read(
        """
        [contract.full]
        when.function = ["train", "Trainer.*"]
        when.arguments = { config = "full*" }
        when.config = { data = { cache = "/x" }, "seed" = 1 }
        env = { MODE = "full", N = 3 }
        expect.loss = { max = 0.5 }
        expect.mode = { one_of = ["a", 2] }
        reports = ["loss", "mode"]
        reads = "/data/tusz/*"
        not_writes = ["/results/cache/smoke"]
        max_minutes = 600
        """
    ).contracts
    assert terms.when.function == ("train", "Trainer.*")
    assert terms.when.arguments == {"config": ("full*",)}
    assert terms.when.config == {"data.cache": ("/x",), "seed": (1,)}
    assert terms.env == {"MODE": "full", "N": "3"}
    assert terms.expect["loss"] == Expectation(maximum=0.5) and str(terms.expect["loss"]) == "at most 0.5"
    assert terms.expect["mode"].holds("2") and not terms.expect["mode"].holds("b")
    assert terms.reads == ("/data/tusz/*",) and terms.max_minutes == 600


def test_all_mistakes_are_told_at_once_each_with_its_line_and_column() -> None:
    with pytest.raises(BadContractsError) as caught:
        read(
            r"""[contract.full]
when = { function = "train" }
forbidenv = ["A"]
observe = ['(?P<train>\d+', '\d+ files']
expect = { train = [1, 2], val = { mn = 1 } }
max_minutes = "600"

[contract.other]
when = { function = "tr*n" }
on_violation = "explode"

[contrakt.x]
""",
            "app/homeport.toml",
        )
    assert str(caught.value).splitlines() == [
        "app/homeport.toml:3:1: unknown key `forbidenv`; did you mean `forbid_env`?",
        r"app/homeport.toml:4:12: this pattern does not compile: missing ): (?P<train>\d+.",
        "app/homeport.toml:4:29: this pattern has no named group, so it shows nothing; name one: "
        r"(?P<train>\d+)",
        "app/homeport.toml:5:20: `train` is an array; an expectation is a string, number or boolean, "
        "{ min = 1, max = 2 } or { one_of = [1, 2] }.",
        "app/homeport.toml:5:36: unknown key `mn`; did you mean `min`?",
        "app/homeport.toml:6:15: `max_minutes` is a number, not a string.",
        "app/homeport.toml:8:11: a run can match both [contract.full] (function = train) and "
        "[contract.other] (function = tr*n); give one of them a condition in `when` that the other "
        "contradicts.",
        'app/homeport.toml:10:16: `on_violation` is "stop" or "warn".',
        "app/homeport.toml:12:2: unknown key `contrakt`; did you mean `contract`?",
    ]


WRONG = {
    "no TOML": ("a = ", "1:5: this is no TOML: invalid value."),
    "an end too early": ("a = [1,\n", "1:8: this is no TOML: "),
    "a contract that is no table": ("contract = 1", "1:1: `contract` is a number"),
    "a key above the name": ("[contract]\nexpect = { a = 1 }", "2:1: key `expect` outside of a contract"),
    "a key without a table": ('[contract]\nforbid_env = "A"', "2:1: key `forbid_env` outside of a contract"),
    "an expectation of a date": ("[contract.a]\nexpect = { n = 2026-01-01 }", "2:16: `n` is a date or time"),
    "an expectation of nan": ("[contract.a]\nexpect = { n = nan }", "2:16: `n` is a number"),
    "an empty range": (
        "[contract.a]\nexpect = { n = { min = 2, max = 1 } }",
        "2:24: `min` is more than `max`",
    ),
    "no value at all": ("[contract.a]\nexpect.n = {}", "2:12: this expects nothing"),
    "both kinds": ("[contract.a]\nexpect.n = { min = 1, one_of = [1] }", "2:8: an expectation has either"),
    "a slip in a name": (
        "[contract.a]\nobserve = '(?P<train>.)'\nexpect = { trian = 1 }",
        "3:12: no pattern of `observe` shows `trian`; did you mean `train`?",
    ),
    "a name that is not reported": (
        "[contract.a]\nreports = ['x']\nexpect = { lossy = 1 }",
        "3:12: no pattern of `observe` shows `lossy`, and `reports` does not name it.",
    ),
    "a name that nothing can show": ('[contract.a]\nexpect = { "a b" = 1 }', "2:12: nothing can show"),
    "a variable's name": ('[contract.a]\nforbid_env = ["A=B"]', "2:15: `A=B` cannot be a variable's name"),
    "a variable's value": ("[contract.a]\nenv = { A = true }", "2:13: a variable's value is a string"),
    "forbidden and asked for": (
        '[contract.a]\nforbid_env = ["A"]\nrequire_env = ["A"]',
        "2:1: `A` is forbidden and asked for.",
    ),
    "a relative path": ('[contract.a]\nreads = ["data"]', "2:10: `data` is no path of a container"),
    "a contract that is not there": (
        '[contract.a]\napart_from = { smok = "x" }',
        "2:16: unknown contract `smok`",
    ),
    "bounds crossed": ("[contract.a]\nmin_minutes = 2\nmax_minutes = 1", "2:15: `min_minutes` is more"),
    "not finite": ("[contract.a]\nmax_minutes = inf", "2:15: `max_minutes` has to be more than 0"),
    "when no table": ('[contract.a]\nwhen = "x"', "2:8: `when` is a table, not a string."),
    "a condition of a table": ("[contract.a]\nwhen = { x = { y = 1 } }", "2:14: a condition is a string"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadContractsError) as caught:
        read(text, "f")
    assert str(caught.value).startswith(f"f:{said}")


@pytest.mark.parametrize(
    ("wanted", "tag", "is_it"),
    [
        ("train", "train", True),
        ("train", "trainer", False),
        ("Trainer", "Trainer.fit", True),
        ("Trainer.fit", "Trainer.fit", True),
        ("Trainer.fit", "Trainer.*", True),  # the class's containers serve it
        ("Trainer.fit", "Trainer.eval", False),
        ("Other.fit", "Trainer.*", False),
        ("tr*", "train", True),
    ],
)
def test_names_of_functions(wanted: str, tag: str, is_it: bool) -> None:
    assert is_function(wanted, tag) is is_it


def test_bytes_that_are_no_text_are_told() -> None:
    with pytest.raises(BadContractsError, match=r"f:2:5: this is not UTF-8"):
        decode(b"a = 1\nb = \xff", "f")


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ('{ function = "a" }', '{ function = "b" }', False),
        ('{ function = "a" }', "{}", True),
        ('{ function = "a", x = 1 }', '{ function = "a", x = 2 }', False),
        ('{ x = "1" }', "{ x = 1 }", True),
        ('{ x = "*/full.yaml" }', '{ x = "*smoke*" }', True),
        ('{ x = "*full.yaml" }', '{ x = "*smoke.yaml" }', False),
        ('{ x = "full*" }', '{ x = "smoke*" }', False),
        ('{ x = ["a", "b"] }', '{ x = ["c", "b"] }', True),
        ('{ config = { e = "full" } }', '{ config = { e = "smoke" } }', False),
        ('{ config = { e = "full" } }', '{ x = "smoke" }', True),
        ('{ function = "Trainer" }', '{ function = "Trainer.*" }', True),
        ('{ app = "a" }', '{ app = "b*" }', False),
        ('{ x = "a" }', '{ x = { not = "a" } }', False),
        ('{ x = ["a", "b"] }', '{ x = { not = "a" } }', True),
        ('{ x = "a*" }', '{ x = { not = "a" } }', True),
        ('{ x = "a.b" }', '{ x = { not = ["a*", "c"] } }', False),
        ('{ x = { not = "a" } }', '{ x = { not = "b" } }', True),
        ('{ config = { e = { not = "smoke" } } }', '{ config = { e = "smoke" } }', False),
    ],
)
def test_two_contracts_for_one_run(one: str, other: str, meets: bool) -> None:
    text = f"[contract.a]\nwhen = {one}\n[contract.b]\nwhen = {other}\n"
    if not meets:
        assert len(read(text).contracts) == 2
        return
    with pytest.raises(BadContractsError, match="a run can match both"):
        read(text)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?=x)(?P<n>y)", "RE2, which has no lookaround and no back references"),
        (r"(?P<n>\w)\1", "RE2, which has no lookaround and no back references"),
        (r"(?P<n>[a-z]{1,999})", "its repetitions make it too large"),
        (r"(?P<n>x)(?P<n>y)", "two of its groups are named n"),
    ],
)
def test_a_pattern_that_cannot_be_searched_in_time_is_refused_where_it_stands(
    pattern: str, said: str
) -> None:
    with pytest.raises(BadContractsError) as caught:
        read(
            f"[contract.full]\nwhen = {{ function = 'train' }}\nobserve = ['(?P<a>b)', '{pattern}']\n",
            "homeport.toml",
        )
    (line,) = str(caught.value).splitlines()
    assert line.startswith("homeport.toml:3:24: this pattern does not compile: ") and said in line
