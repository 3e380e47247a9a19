"""Whole Dockerfiles, really built: stages, what COPY and ADD do, mounts of RUN, arguments."""

import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from homeport.model.errors import InvalidError
from homeport.runtime import isolation, proot_view
from tests.unit.images.workshop import PRELUDE, EndedError, Shop, Workshop

BASE = PRELUDE[0]


def test_stages(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.build(
            "ARG GREETING=hello",
            f"{BASE} AS build",
            "ARG GREETING",
            "RUN mkdir -p /out/deep && echo $GREETING > /out/deep/word && ln -s deep/word /out/link",
            "ENV ONLY=build",
            f"{BASE} AS unused",
            "RUN exit 9",
            BASE,
            "COPY --from=build /out /got",
            "COPY --from=build /out/link /out/deep/wo?d /named/",
            "COPY --from=0 --chmod=600 /out/deep/word /word",
            "COPY --from=build /usr/bin/env /env",
        )
        script = (
            "cat /got/deep/word /named/link /named/word /got/link; stat -c %a /word; /env true; echo $ONLY"
        )
        assert await shop.look(image, script) == "hello\nhello\nhello\nhello\n600"
        assert "stages that the last one needs nothing of" in "\n".join(shop.images.notes(image.image_id))

    workshop.run(use)


def test_nothing_is_built_again_unless_what_it_takes_changed(workshop: Workshop) -> None:
    def commands(word: str) -> tuple[str, ...]:
        return (f"{BASE} AS one", f"RUN echo {word} > /a", BASE, "COPY --from=one /a /a", "RUN date +%N > /n")

    async def use(shop: Shop) -> None:
        first = await shop.build(*commands("x"))
        assert (await shop.build(*commands("x"))).image_id == first.image_id
        second = await shop.build(*commands("y"))
        assert await shop.look(second, "cat /a") == "y"
        assert await shop.look(second, "cat /n") != await shop.look(first, "cat /n")

    workshop.run(use)


def test_an_image_of_nothing_takes_files(workshop: Workshop) -> None:
    """It has no shell, no cp, no mkdir."""

    async def use(shop: Shop) -> None:
        image = await shop.build(
            f"{BASE} AS tools",
            "FROM scratch",
            "WORKDIR /deep/folder",
            "COPY --from=tools /usr/bin/env tool",
            "COPY <<EOF note",
            "some text",
            "EOF",
        )
        trees = [path / "deep/folder" for path in shop.images.view(image.image_id).layers]
        assert any((tree / "tool").is_file() for tree in trees)
        assert [(t / "note").read_text() for t in trees if (t / "note").exists()] == ["some text\n"]
        assert not shop.images.view(image.image_id).host_usr

    workshop.run(use)


def test_here_documents(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "ENV NAME=World",
            "COPY <<a.txt <<'b.txt' /docs/",
            'Hello "$NAME"',
            "a.txt",
            'Hello "$NAME"',
            "b.txt",
            "RUN <<EOF",
            "echo one > /out",
            "echo two >> /out",
            "EOF",
            "RUN <<EOF",
            "#!/usr/bin/env python",
            "print('three', file=open('/out', 'a'))",
            "EOF",
            "RUN cat <<-EOF >> /out && python <<END >> /out",
            "\tfour",
            "\tEOF",
            "print('five')",
            "END",
        )
        assert await shop.look(image, "cat /docs/a.txt /docs/b.txt /out") == (
            'Hello "World"\nHello "$NAME"\none\ntwo\nthree\nfour\nfive'
        )

    workshop.run(use)


def test_copies_of_the_context(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("src/a.py", "src/b.md", "src/t/c.py", "src/t/d.md", "[odd].txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "src/a.py").chmod(0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "src/hard.py").hardlink_to(tmp_path / "src/a.py")
    (tmp_path / "src/broken").symlink_to("/nowhere")

    async def use(shop: Shop) -> None:
        shop.workshop.mounts.trees["mo-copies"] = tmp_path
        image = await shop.derive(
            "WORKDIR /app",
            "RUN mkdir -p /real/t && ln -s /real /link && echo old > /real/t/c.py",
            "COPY --exclude=**/*.md src .",
            "COPY --parents src/t/c.py src/*.md /parents/",
            "COPY src /link",
            "COPY [[]odd].txt src/a.py /files/",
            "COPY --chown=1000:1000 --chmod=640 src/a.py /mine",
            context_mount_id="mo-copies",
        )
        script = (
            "cd /app && find . | sort; readlink broken; stat -c '%a %h' a.py; find /parents -type f | sort; "
        )
        script += "cat /real/t/c.py; ls /files; stat -c '%a %u' /mine"
        assert (await shop.look(image, script)).split("\n") == [
            *(".", "./a.py", "./broken", "./hard.py", "./t", "./t/c.py", "/nowhere", "755 2"),
            *("/parents/src/b.md", "/parents/src/t/c.py", "src/t/c.py[odd].txt", "a.py", "640 0"),
        ]
        assert "--chown=1000:1000 is emulated" in "\n".join(shop.images.notes(image.image_id))

    workshop.run(use)


def _tar(kind: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=f"w:{kind}") as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo("top/inner")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"inner"))
    return raw.getvalue()


class _Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/data.bin":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fetched")
        elif self.path == "/cut.bin":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"fetched")
        else:
            self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_add(workshop: Workshop, tmp_path: Path, address: str) -> None:
    for kind in ("gz", "bz2", "xz", ""):
        (tmp_path / f"a{kind}").write_bytes(_tar(kind))
    (tmp_path / "plain.tar").write_text("no archive, whatever its name")
    tmp_path.chmod(0o755)
    digest = sha256(b"fetched").hexdigest()

    async def use(shop: Shop) -> None:
        shop.workshop.mounts.trees["mo-add"] = tmp_path
        image = await shop.derive(
            "ADD agz /gz",
            "ADD abz2 axz a plain.tar /others/",
            f"ADD {address}/data.bin /data/",
            f"ADD --checksum=sha256:{digest} {address}/data.bin /named",
            "COPY agz /copied",
            context_mount_id="mo-add",
        )
        script = "cat /gz/top/inner /others/top/inner /data/data.bin /named; ls /others; stat -c %a /named"
        assert await shop.look(image, script) == "innerinnerfetchedfetchedplain.tar\ntop\n600"
        for line, message in (
            ("ADD missing /x", "sends only what COPY names"),
            (f"ADD {address}/nope.bin /x", "the server answered 404"),
            (f"ADD {address}/cut.bin /x", "cut off"),
            (f"ADD --checksum=sha256:{'0' * 64} {address}/data.bin /x", "was asked for"),
            ("ADD https://example.com/some/repository.git /x", "git clone"),
        ):
            with pytest.raises((EndedError, InvalidError), match=message):
                await shop.derive(line, context_mount_id="mo-add")

    workshop.run(use)


def test_mounts_of_a_step(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("six\n")
    workshop.secrets.known["st-mounts"] = {"KEY": "very-secret"}

    async def use(shop: Shop) -> None:
        shop.workshop.mounts.trees["mo-mounts"] = tmp_path
        image = await shop.build(
            f"{BASE} AS one",
            "RUN mkdir /made && echo made > /made/file",
            BASE,
            "RUN --mount=type=cache,target=/cache,sharing=locked echo 1 >> /cache/count",
            "RUN --mount=type=cache,target=/cache wc -l < /cache/count > /count",
            "RUN --mount=type=secret,id=KEY --mount=type=secret,id=KEY,env=TOKEN "
            'test "$(cat /run/secrets/KEY)" = very-secret && test $TOKEN = very-secret',
            "RUN --mount=type=bind,from=one,source=/made,target=/shown cat /shown/file > /from-stage",
            "RUN --mount=type=bind,from=one,source=/made/file,target=/shown cat /shown >> /from-stage",
            "RUN --mount=type=bind,from=one,target=/whole cat /whole/made/file >> /from-stage",
            "RUN --mount=type=bind,source=requirements.txt,target=r.txt cat r.txt > /from-context",
            "RUN --mount=type=tmpfs,target=/fast touch /fast/x",
            secret_ids=("st-mounts",),
            context_mount_id="mo-mounts",
        )
        script = (
            "cat /count /from-stage /from-context; ls -d /cache /shown /whole /fast /run/secrets r.txt 2>&1"
        )
        answer = (await shop.look(image, script)).split("\n")
        assert answer[:5] == ["1", "made", "made", "made", "six"]
        assert all("cannot access" in line for line in answer[5:])
        layers = shop.images.view(image.image_id).layers[:-2]
        found = [path for layer in layers for path in layer.rglob("*") if path.is_file()]
        assert not any(b"very-secret" in path.read_bytes() for path in found)

    workshop.run(use)


def test_the_same_without_namespaces(workshop: Workshop) -> None:
    if problem := proot_view.problem():
        pytest.skip(f"proot cannot be used here: {problem}")
    workshop.secrets.known["st-proot"] = {"KEY": "very-secret"}

    async def use(shop: Shop) -> None:
        await shop.base()  # a Python is made outside of containers
        isolation.choose(isolation.PROOT)
        image = await shop.build(
            f"{BASE} AS one",
            "RUN mkdir /made && echo made > /made/file && ln -s /made /link",
            BASE,
            "COPY --from=one /made/file /link/file /usr/bin/env there/",
            "RUN --mount=type=secret,id=KEY --mount=type=tmpfs,target=/fast --mount=type=cache,target=/c "
            "--mount=type=bind,from=one,source=/made,target=/shown touch /fast/x /c/x && "
            'test "$(cat /run/secrets/KEY)" = very-secret && cp /shown/file /from-stage',
            secret_ids=("st-proot",),
        )
        isolation.choose(isolation.NAMESPACES)
        script = "cd /there && cat file /from-stage; ./env true && ls /fast /shown /run/secrets/KEY 2>&1"
        assert (await shop.look(image, script)).split("\n")[:2] == ["made", "made"]

    try:
        workshop.run(use)
    finally:
        isolation.choose(isolation.NAMESPACES)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("COPY nope /x",), "not in the build context"),
        (("COPY --from=nowhere /a /x",), "There is no stage 'nowhere'"),
        (("COPY --from=one /nope /x",), "COPY takes '/nope', which the stage one does not hold"),
        (("RUN --mount=type=secret,id=NO,required true",), r"secrets=\[modal.Secret.from_dict"),
        (("RUN --mount=type=bind,source=x,target=/y true",), "sends only what COPY names"),
        (("COPY --chown=nobody-here --from=one /etc/passwd /x",), "knows no user 'nobody-here'"),
        (("RUN mkdir /f", "COPY --from=one /etc/passwd /f/", "COPY --from=one /etc /f/passwd"), "is a file"),
    ],
)
def test_what_cannot_be_is_one_sentence(workshop: Workshop, lines: tuple[str, ...], message: str) -> None:
    async def use(shop: Shop) -> None:
        with pytest.raises((EndedError, InvalidError), match=message):
            await shop.build(f"{BASE} AS one", BASE, *lines)

    workshop.run(use)


def test_a_wrong_line_is_named(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        with pytest.raises(InvalidError, match="Line 3: 'RUNN' is no Dockerfile instruction"):
            await shop.build(BASE, "RUN true", "RUNN echo")

    workshop.run(use)
