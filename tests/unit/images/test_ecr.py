"""A login for AWS's registry: signed as AWS documents it, asked of a server that stands for AWS."""

import asyncio
import base64
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from homeport.model.errors import FailedPreconditionError
from homeport.plan.aws_signature import signed_headers
from homeport.plan.registry_auth import AwsKeys, Login
from homeport.runtime.ecr import ecr_login

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1")
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def test_the_example_of_awss_documentation() -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    signed = signed_headers(KEYS, "iam", "GET", url, headers, b"", NOW)
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


class _Aws(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        good = (
            "AKIDEXAMPLE/" in self.headers["Authorization"]
            and "GetAuthorizationToken" in self.headers["X-Amz-Target"]
        )
        token = base64.b64encode(b"AWS:the-password").decode()
        body = {"authorizationData": [{"authorizationToken": token}]} if good else {"message": "no such key."}
        self.send_response(200 if good else 400)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Aws)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", f"http://127.0.0.1:{server.server_address[1]}/")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_login(aws: None) -> None:
    assert asyncio.run(ecr_login(KEYS)) == Login("AWS", "the-password")


def test_wrong_keys(aws: None) -> None:
    with pytest.raises(FailedPreconditionError, match=r"in us-east-1: 400 no such key\. Check the keys"):
        asyncio.run(ecr_login(AwsKeys("OTHER", "x", "us-east-1")))


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9/")
    with pytest.raises(FailedPreconditionError, match="could not be asked for a login"):
        asyncio.run(ecr_login(KEYS))
