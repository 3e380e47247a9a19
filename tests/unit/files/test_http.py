"""The HTTP port: links, ranges, broken transfers, malformed requests, the link command's door."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from homeport.web import protocol
from tests.support.waiting import wait_until
from tests.unit.files.served import TOKEN, Served

MIB = 1 << 20


def upload(served: Served, data: bytes) -> str:
    created = served.do(served.blobs.create, "", len(data))
    request = urllib.request.Request(created.urls[0], data, method="PUT")
    with urllib.request.urlopen(request) as response:
        assert response.headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    return str(created.blob_id)


def test_a_blob_goes_up_and_comes_down(served: Served) -> None:
    for size in (0, 1, 5 * MIB + 3):
        data = os.urandom(size)
        url = served.do(served.blobs.download_url, upload(served, data))
        assert urllib.request.urlopen(url).read() == data


def test_ranges(served: Served) -> None:
    data = os.urandom(100_000)
    url = served.do(served.blobs.download_url, upload(served, data))
    for asked, expected in (
        ("bytes=0-9", data[:10]),
        ("bytes=99990-", data[-10:]),
        ("bytes=-5", data[-5:]),
        ("bytes=500-200000", data[500:]),
    ):
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": asked})) as response:
            assert (response.status, response.read()) == (206, expected)
    for outside in ("bytes=100000-", "bytes=9-3"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, headers={"Range": outside}))
        assert caught.value.status == 416
        caught.value.close()


@pytest.mark.parametrize("change", ["path", "signature", "expiry", "nothing at all"])
def test_a_link_that_was_not_made_here_is_refused(served: Served, change: str) -> None:
    url = served.do(served.blobs.download_url, upload(served, b"data"))
    if change == "path":
        url = url.replace("/blobs/bl-", "/blobs/bl-x")
    elif change == "signature":
        url = url[:-1] + ("0" if url[-1] != "0" else "1")
    elif change == "expiry":
        url = url.replace("e=", "e=9")
    else:
        url = url.split("?")[0]
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.status == 403
    caught.value.close()


def received(served: Served) -> list[Path]:
    return [path for path in served.home.blobs.rglob("*") if path.is_file()]


def test_a_broken_upload_leaves_nothing(served: Served) -> None:
    created = served.do(served.blobs.create, "", 10 * MIB)
    address = urllib.parse.urlsplit(created.urls[0])
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nhost: x\r\ncontent-length: {10 * MIB}\r\n\r\n"
        connection.sendall(head.encode() + os.urandom(3 * MIB))
        wait_until(lambda: received(served), what="what has come of the upload")
    wait_until(lambda: not received(served), what="an empty blob store")


def test_a_refused_body_leaves_the_connection_usable(served: Served) -> None:
    address = urllib.parse.urlsplit(served.http_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    for _ in range(2):
        connection.request("PUT", "/blobs/bl-none?e=1&s=1", body=bytes(3 * MIB))
        response = connection.getresponse()
        assert (response.status, b"not made by this engine" in response.read()) == (403, True)
    connection.close()


def test_two_requests_sent_at_once_are_answered_in_order(served: Served) -> None:
    address = urllib.parse.urlsplit(served.http_url)
    urls = [served.do(served.blobs.download_url, upload(served, data)) for data in (b"first", b"second")]
    with socket.create_connection((address.hostname, address.port)) as connection:
        for url in urls:
            connection.sendall(
                f"GET {url.removeprefix(served.http_url)} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
            )
        got = b""
        while b"second" not in got:
            piece = connection.recv(65536)
            assert piece, got
            got += piece
    assert got.index(b"first") < got.index(b"second")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no host
        (b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000, 431),
        (b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"DELETE /blobs/x HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nhost: x\n\nGET /two HTTP/1.1\r\nhost: x\r\n\r\n", 400),  # two heads in one
        (b"GET / HTTP/1.1\r\nhost: x\nevil: y\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5, 5\r\ncontent-length : 5\r\n\r\n", 400),
        (b"GET http://elsewhere/blobs/x HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"GET /blobs/..%2f..%2fstate.db HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"GET /blobs/x?e=%ff&s=%ff HTTP/1.1\r\nhost: x\r\n\r\n", 403),
    ],
)
def test_malformed_requests(served: Served, request_bytes: bytes, status: int) -> None:
    address = urllib.parse.urlsplit(served.http_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(65536).split(b" ")[1] == str(status).encode()


def test_who_is_refused_and_says_no_more_is_hung_up_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_DRAIN_S", 0.3)
    address = urllib.parse.urlsplit(served.http_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /homeport/volumes/link HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx")
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                got += piece
        assert got.startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    ("head", "stays"),
    [
        (b"GET /x HTTP/1.0\r\n", False),
        (b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: TE, close\r\n", False),
        (b"GET /x HTTP/1.1\r\nhost: x\r\n", True),
    ],
)
def test_a_connection_is_kept_for_who_wants_it(served: Served, head: bytes, stays: bool) -> None:
    address = urllib.parse.urlsplit(served.http_url)
    with socket.create_connection((address.hostname, address.port), timeout=1) as connection:
        connection.sendall(head + b"\r\n")
        assert _answer(connection).startswith(b"HTTP/1.1 404")
        if stays:
            connection.sendall(head + b"\r\n")
            assert _answer(connection).startswith(b"HTTP/1.1 404")
        else:
            assert connection.recv(65536) == b""


def _answer(connection: socket.socket) -> bytes:
    """One whole answer: its head and body may come apart."""
    got = b""
    while not got.endswith(b"\r\n\r\nNot Found"):
        piece = connection.recv(65536)
        assert piece, got
        got += piece
    return got


def test_many_slow_uploads_at_once_do_not_block_each_other(served: Served) -> None:
    data = os.urandom(2 * MIB)

    def put() -> None:
        upload(served, data)

    created = served.do(served.blobs.create, "", 10 * MIB)
    address = urllib.parse.urlsplit(created.urls[0])
    head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nhost: x\r\ncontent-length: {10 * MIB}\r\n\r\n"
    stalled = [socket.create_connection((address.hostname, address.port)) for _ in range(40)]
    for connection in stalled:
        connection.sendall(head.encode() + b"x" * 2000)
    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    alive = [thread.is_alive() for thread in threads]
    for connection in stalled:
        connection.close()
    for thread in threads:
        thread.join(15)
    assert not any(alive)


def ask(served: Served, what: str, body: dict[str, Any], token: tuple[str, str] = TOKEN) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{served.http_url}/homeport/volumes/{what}",
        json.dumps(body).encode(),
        {"x-modal-token-id": token[0], "x-modal-token-secret": token[1]},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.status, error.read().decode()


def test_a_folder_is_linked_by_who_shows_the_token(served: Served, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    body = {"name": "data", "folder": str(tmp_path / "data")}
    assert ask(served, "link", body, ("ak", "as"))[0] == 403
    assert ask(served, "link", {"name": "data", "folder": str(tmp_path / "none")})[0] == 400
    assert ask(served, "link", {"name": "da/ta", "folder": str(tmp_path / "data")})[0] == 400
    assert ask(served, "link", body)[0] == 200
    assert ask(served, "unlink", {"name": "data"})[0] == 200
    status, text = ask(served, "unlink", {"name": "data"})
    assert (status, "'data'" in text) == (404, True)
