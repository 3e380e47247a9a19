"""Clients of other versions than the engine's own: served, told so in one line, and understood."""

import asyncio
import json
import logging
import re
import tomllib
import urllib.parse
from pathlib import Path

import pytest
from modal_proto import api_pb2

from homeport.api import client_versions
from homeport.api.gateway import Caller, Gateway
from homeport.api.grpc_server import Request, RpcError, Status
from homeport.model.errors import NotServedError

ROOT = Path(__file__).resolve().parents[3]
JAVASCRIPT = {"x-modal-client-type": "8", "x-modal-client-version": "1.0.0"}


class Apps:
    """Says two things about each function, as the engine does about options without effect."""

    async def AppPublish(
        self, request: api_pb2.AppPublishRequest, caller: Caller
    ) -> api_pb2.AppPublishResponse:
        return api_pb2.AppPublishResponse(url="u")

    async def AuthTokenGet(
        self, request: api_pb2.AuthTokenGetRequest, caller: Caller
    ) -> api_pb2.AuthTokenGetResponse:
        return api_pb2.AuthTokenGetResponse(token="t")

    async def FunctionCreate(
        self, request: api_pb2.FunctionCreateRequest, caller: Caller
    ) -> api_pb2.FunctionCreateResponse:
        caller.warn("f: region= has no effect here.")
        return api_pb2.FunctionCreateResponse(function_id="fu-1")


def ask(name: str, headers: dict[str, str], times: int = 1) -> tuple[bytes, list[str]]:
    """The answer of the last request and the warnings in all trailers."""
    gateway = Gateway([Apps()], "ak", "as")
    find = gateway.server()._find
    trailing: list[tuple[str, str]] = []
    answer = b""
    for _ in range(times):
        method = find(f"/modal.client.ModalClient/{name}")
        assert method is not None
        incoming = Request(b"", headers, "")
        answer = asyncio.run(method.serve(incoming))  # type: ignore[arg-type]
        trailing += incoming.trailing
    return answer, [urllib.parse.unquote(text) for key, text in trailing if key == "x-modal-warning"]


def test_a_newer_client_is_served_and_told_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    answer, said = ask("AppPublish", {"x-modal-client-version": "7.1.0.dev3"}, times=2)
    assert api_pb2.AppPublishResponse.FromString(answer).url == "u"
    own = client_versions.known()
    assert said[0].startswith(f"This client is modal 7.1.0.dev3, newer than the {own} that Homeport knows")
    assert len(set(said)) == 1  # the client shows a sentence once
    assert [record.message for record in caplog.records] == said[:1]  # and engine.log holds it once


def test_a_client_older_than_those_that_were_tried_is_served_and_told_so() -> None:
    """It does not read trailers yet, so the line comes in the answer itself."""
    answer, said = ask("AppPublish", {"x-modal-client-version": "1.2.0"})
    response = api_pb2.AppPublishResponse.FromString(answer)
    assert response.url == "u" and said == []
    (warning,) = response.server_warnings
    assert warning.message.startswith(
        "This client is modal 1.2.0, older than the 1.4.3 that Homeport was tried"
    )


@pytest.mark.parametrize("version", ["1.4.3", "1.5.0", "1.5.5", "1.6.4", "1.6.4.dev2", "", "nonsense"])
def test_nothing_is_said_to_the_others(version: str) -> None:
    answer, said = ask("AppPublish", {"x-modal-client-version": version})
    assert not said and not api_pb2.AppPublishResponse.FromString(answer).server_warnings


def test_warnings_reach_each_client_by_the_way_that_it_reads() -> None:
    answer, said = ask("FunctionCreate", {"x-modal-client-version": "1.6.4"})
    assert said == ["f: region= has no effect here."]
    assert not api_pb2.FunctionCreateResponse.FromString(answer).server_warnings
    answer, said = ask("FunctionCreate", {"x-modal-client-version": "1.5.5"})
    assert said == []
    (warning,) = api_pb2.FunctionCreateResponse.FromString(answer).server_warnings
    assert warning.message == "f: region= has no effect here."


def test_a_javascript_client_s_version_is_not_that_of_the_python_package() -> None:
    assert Caller(None, JAVASCRIPT).client_version == ""
    assert ask("AuthTokenGet", {**JAVASCRIPT, "x-modal-libmodal-version": "modal-js/0.11.1"})[1] == []
    (line,) = ask("AuthTokenGet", {**JAVASCRIPT, "x-modal-libmodal-version": "modal-js/2.0.0"})[1]
    assert line.startswith("This client is 2.0.0 of the JavaScript library, newer than the 0.11.1")
    (line,) = ask("AuthTokenGet", {**JAVASCRIPT, "x-modal-libmodal-version": "modal-go/0.11.1"})[1]
    assert line == "Homeport was not tried with the Go library."


def test_the_command_router_s_address_is_one_that_the_client_takes() -> None:
    schemes = [client_versions.router_scheme({"x-modal-client-version": v}) for v in ("1.5.0", "1.6.4", "")]
    assert schemes == ["http", "http", "http"]
    assert client_versions.router_scheme(JAVASCRIPT) == "https"
    with pytest.raises(NotServedError, match=r"to modal 1\.4\.3, which asks for an encrypted connection"):
        client_versions.router_scheme({"x-modal-client-version": "1.4.3"})


def test_an_rpc_that_the_stubs_lack_is_refused_by_name() -> None:
    with pytest.raises(
        RpcError, match="does not know the RPC FunctionTeleport, which is newer than"
    ) as refusal:
        ask("FunctionTeleport", {})
    assert refusal.value.status is Status.UNIMPLEMENTED


def test_the_versions_are_those_that_the_tests_run_and_the_readme_names() -> None:
    locks = {lock.stem for lock in (ROOT / "tests/clients/python").glob("*.lock")}
    assert min(locks, key=client_versions.numbers) == client_versions.OLDEST_PYTHON
    for version in locks:
        lock = (ROOT / f"tests/clients/python/{version}.lock").read_text()
        assert f"\nmodal=={version} " in lock and "://" not in lock
    javascript = json.loads((ROOT / "tests/clients/js/package-lock.json").read_text())["packages"]
    assert javascript["node_modules/modal"]["version"] == client_versions.NEWEST_JAVASCRIPT
    assert not [name for name, package in javascript.items() if "resolved" in package]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"modal=={client_versions.known()}" in project["dependencies"]
    readme = (ROOT / "README.md").read_text()
    for version in {*locks, client_versions.known(), client_versions.NEWEST_JAVASCRIPT}:
        assert re.search(rf"\b{re.escape(version)}\b", readme), version
