"""Web functions: what a browser or curl sees of them."""

import http.client
import json
import re
import socket
import urllib.error
import urllib.request

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from tests.support.waiting import wait_until

pytestmark = pytest.mark.once_as("root")

APP = """
    import modal

    image = modal.Image.debian_slim().pip_install("fastapi", "websockets")
    app = modal.App("wire-web", image=image)


    @app.function()
    @modal.fastapi_endpoint(docs=True)
    def square(x: int):
        return {"square": x * x}


    @app.function()
    @modal.concurrent(max_inputs=10)
    @modal.asgi_app()
    def site():
        import time
        from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
        from fastapi.responses import StreamingResponse

        web = FastAPI()

        @web.get("/")
        def home(request: Request):
            return {"host": request.headers["host"], "client": request.client.host}

        @web.post("/upload")
        async def upload(request: Request):
            body = await request.body()
            return {"bytes": len(body), "sum": sum(body) % 251}

        @web.get("/big")
        def big(mib: int):
            return StreamingResponse((bytes([n % 251]) * (1 << 20) for n in range(mib)))

        @web.get("/lump")
        def lump():
            from fastapi import Response

            return Response(b"x" * (5 << 20))

        @web.get("/fails")
        def fails():
            raise ValueError("no such cat")

        @web.get("/later")
        def later(tasks: BackgroundTasks):
            def work():
                time.sleep(0.5)
                print("worked in the background", flush=True)

            tasks.add_task(work)
            return "soon"

        @web.websocket("/echo")
        async def echo(socket: WebSocket):
            await socket.accept()
            async for text in socket.iter_text():
                await socket.send_text(text.upper())

        return web


    @app.function()
    @modal.wsgi_app()
    def old():
        def web(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".encode()]

        return web


    @app.cls()
    class Model:
        @modal.enter()
        def load(self):
            self.weights = 7

        @modal.fastapi_endpoint(method="POST", requires_proxy_auth=True)
        def predict(self, x: int):
            return x * self.weights


    @app.function()
    @modal.web_server(PORT)
    def server():
        import subprocess, sys

        subprocess.Popen([sys.executable, "-m", "http.server", "PORT", "--directory", "/usr/local"])


    @app.function()
    @modal.asgi_app()
    def broken():
        raise RuntimeError("no weights")
    """


def fetch(url, *, data=None, headers=None, method=None):
    """(status, body)"""
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def urls(modal, write):
    """Addresses of the deployed app's web functions, by name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        write("app.py", APP.replace("PORT", str(free.getsockname()[1])))
    said = modal("deploy", "app.py", timeout_s=120)
    found = re.findall(r"(?:Function |Model\.)(\w+)\s[^\w]*(http://127\.0\.0\.1:\d+)", said.text)
    assert len(found) == 6, said.text
    yield dict(found)
    modal("app", "stop", "wire-web", "--yes")


def test_web_functions_answer_as_their_frameworks_do(engine, modal, urls):
    assert fetch(f"{urls['square']}?x=7") == (200, b'{"square":49}')
    assert fetch(f"{urls['square']}?x=cat")[0] == 422
    assert fetch(f"{urls['square']}/docs")[0] == 200
    assert fetch(f"{urls['old']}/some/path") == (200, b"GET /some/path")

    site = urls["site"]
    status, body = fetch(f"{site}/")
    assert (status, json.loads(body)["client"]) == (200, "127.0.0.1")
    sent = bytes(range(250)) * 20_000  # 5 MB
    status, body = fetch(f"{site}/upload", data=sent)
    assert json.loads(body) == {"bytes": len(sent), "sum": sum(sent) % 251}
    status, body = fetch(f"{site}/big?mib=9")
    assert (status, len(body), body[-1]) == (200, 9 << 20, 8)
    assert fetch(f"{site}/lump") == (200, b"x" * (5 << 20))
    assert fetch(f"{site}/fails")[0] == 500
    assert fetch(f"{site}/nowhere")[0] == 404
    assert fetch(f"{site}/later") == (200, b'"soon"')
    wait_until(lambda: "worked in the background" in modal("app", "logs", "wire-web").out, 20)

    status, body = fetch(f"{urls['server']}/")
    assert status == 200
    assert b"bin/" in body

    talk(site)
    engine.kill()
    engine.start()
    assert fetch(f"{site}/nowhere")[0] == 404, "the address survives the engine"

    status, body = fetch(f"{urls['broken']}/")
    assert status == 500
    assert b"no weights" in body


def talk(site):
    """A conversation over a web socket."""
    with socket.create_connection(("127.0.0.1", int(site.rsplit(":", 1)[1])), timeout=30) as stream:
        peer = WSConnection(ConnectionType.CLIENT)

        def receive():
            while True:
                for event in peer.events():
                    return event
                peer.receive_data(stream.recv(65536) or None)

        stream.sendall(peer.send(Request(host="localhost", target="/echo")))
        assert isinstance(receive(), AcceptConnection)
        for word in ("meow", "purr"):
            stream.sendall(peer.send(TextMessage(word)))
            assert receive().data == word.upper()
        stream.sendall(peer.send(CloseConnection(code=1000)))
        assert isinstance(receive(), CloseConnection)


def test_who_may_come_in(engine, urls):
    predict = f"{urls['predict']}?x=6"
    status, body = fetch(predict, method="POST")
    assert status == 401
    assert b"Modal-Key" in body
    token = json.loads((engine.home / "token.json").read_text())
    keys = {"Modal-Key": token["token_id"], "Modal-Secret": token["token_secret"]}
    assert fetch(predict, method="POST", headers=keys) == (200, b"42")
    assert fetch(predict, method="POST", headers={**keys, "Modal-Secret": "guess"})[0] == 401
    # another site's page whose name resolves to this machine
    assert fetch(f"{urls['square']}?x=1", headers={"Host": "evil.example"})[0] == 403


def test_a_client_that_hangs_up_ends_the_call(engine, modal, write):
    write(
        "app.py",
        """
        import asyncio

        import modal

        app = modal.App("wire-web-hangup")


        @app.function()
        @modal.asgi_app()
        def slow():
            async def web(scope, receive, send):
                assert scope["type"] == "http", "as servers without lifespan are told"
                await receive()
                print("began", flush=True)
                message = await receive()
                print("heard", message["type"], flush=True)

            return web
        """,
    )
    said = modal("deploy", "app.py")
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)", said.text)[1])

    def logs():
        return modal("app", "logs", "wire-web-hangup").out

    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("GET", "/")
    wait_until(lambda: "began" in logs(), 30)
    client.close()
    wait_until(lambda: "heard http.disconnect" in logs(), 30)
    modal("app", "stop", "wire-web-hangup", "--yes")
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
