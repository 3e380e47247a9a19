"""Names of images, and aliases for them."""

import pytest

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.references import Reference, find_alias, parse_reference
from homeport.plan.registry_auth import AwsKeys, Login, read_login

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("name", "whole", "familiar"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("ubuntu:22.04", "docker.io/library/ubuntu:22.04", "ubuntu:22.04"),
        ("nvidia/cuda:12.4", "docker.io/nvidia/cuda:12.4", "nvidia/cuda:12.4"),
        (
            "nvcr.io/nvidia/pytorch:24.01-py3",
            "nvcr.io/nvidia/pytorch:24.01-py3",
            "nvcr.io/nvidia/pytorch:24.01-py3",
        ),
        ("localhost/a:1", "localhost/a:1", "localhost/a:1"),
        ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a:latest"),
        ("index.docker.io/a/b:1", "docker.io/a/b:1", "a/b:1"),
        (f"a/b@{DIGEST}", f"docker.io/a/b@{DIGEST}", f"a/b@{DIGEST}"),
        (f"a/b:1@{DIGEST}", f"docker.io/a/b:1@{DIGEST}", f"a/b:1@{DIGEST}"),
    ],
)
def test_a_name_made_whole(name: str, whole: str, familiar: str) -> None:
    reference = parse_reference(name)
    assert (str(reference), reference.familiar) == (whole, familiar)


def test_what_the_registry_is_asked() -> None:
    assert parse_reference("ubuntu:22.04").address == "docker.io/library/ubuntu:22.04"
    assert parse_reference(f"ubuntu:22.04@{DIGEST}").address == f"docker.io/library/ubuntu@{DIGEST}"
    assert parse_reference("ubuntu").host == "registry-1.docker.io"


@pytest.mark.parametrize(
    "name", ["", "a b", "nvidia/CUDA", "a:b:c", "a@sha256:short", "/a", "a//b", "--x", "-a/b"]
)
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(InvalidError, match="cannot be the name of an image"):
        parse_reference(name)


def test_only_this_machine_is_spoken_to_in_the_clear() -> None:
    assert parse_reference("127.0.0.1:5000/a").is_loopback
    assert parse_reference("localhost/a").is_loopback
    assert not Reference("127.0.0.1.example.com", "a", "1").is_loopback
    assert not parse_reference("example.com/a").is_loopback


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("nvidia/cuda:12.4", {"nvidia/cuda:12.4"}),
        ("nvidia/cuda:12.*", {"nvidia/cuda:12.4"}),
        ("nvidia/cuda", {"nvidia/cuda:12.4", "nvidia/cuda:11"}),
        ("docker.io/nvidia/*", {"nvidia/cuda:12.4", "nvidia/cuda:11"}),
        ("*", {"nvidia/cuda:12.4", "nvidia/cuda:11", "ghcr.io/a/b:1"}),
        ("ubuntu", set()),
    ],
)
def test_what_a_pattern_fits(pattern: str, fits: set[str]) -> None:
    names = ("nvidia/cuda:12.4", "nvidia/cuda:11", "ghcr.io/a/b:1")
    assert {name for name in names if find_alias(name, {pattern: "x"})} == fits


def test_the_longest_pattern_counts() -> None:
    aliases = {"nvidia/*": "a", "nvidia/cuda:*": "b", "*": "c"}
    assert find_alias("nvidia/cuda:1", aliases) == ("nvidia/cuda:*", "b")
    assert find_alias("other:1", aliases) == ("*", "c")


def test_logins() -> None:
    assert read_login({}) is None
    assert read_login({"REGISTRY_USERNAME": "u", "REGISTRY_PASSWORD": "p"}) == Login("u", "p")
    assert read_login({"SERVICE_ACCOUNT_JSON": "{}"}) == Login("_json_key", "{}")
    aws = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
    assert read_login(aws) == AwsKeys("k", "s", "eu-west-1")
    assert "p" not in repr(Login("u", "p")).removeprefix("Login")
    with pytest.raises(NotServedError, match="AWS_ROLE_ARN"):
        read_login({"AWS_ROLE_ARN": "x", "AWS_REGION": "y"})
    with pytest.raises(InvalidError, match="this one holds TOKEN"):
        read_login({"TOKEN": "x"})
