"""Registries that do not answer, or answer wrongly: one sentence each; nothing is kept or left running."""

import asyncio
import base64
import gzip
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.model.errors import InvalidError
from homeport.runtime.registry import Patience
from tests.support.registries import (
    Entry,
    FakeRegistry,
    Image,
    answer,
    busybox_layer,
    fake_registry,
    folder,
    link,
    make_image,
    need,
)
from tests.support.waiting import wait_until
from tests.unit.images.workshop import SERIES, EndedError, Shop, Workshop

Handler = http.server.BaseHTTPRequestHandler
QUICK = Patience(connect_s=0.5, answer_s=1.5, silence_s=1.5, unreachable_s=60)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    need("skopeo")
    with fake_registry() as registry:
        yield registry


def _tiny(*entries: Entry) -> Image:
    return make_image([folder("etc"), Entry("etc/x", b"x"), *entries])


def _fails(workshop: Workshop, name: str, message: str, **changes: object) -> None:
    """The build fails with that sentence, and leaves nothing."""

    async def use(shop: Shop) -> None:
        shop.images._recipes.registry._patience = QUICK
        before = shop.workshop.layers()
        with pytest.raises(EndedError, match=message) as caught:
            await shop.build(f"FROM {name}", **changes)
        assert "\n" not in str(caught.value)
        assert shop.workshop.layers() <= before | {path for path in before if path.startswith("tmp-")}

    workshop.run(use)


def test_nobody_answers_is_found_out_at_once(workshop: Workshop) -> None:
    need("skopeo")

    async def use(shop: Shop) -> None:
        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(
                EndedError, match=r"127\.0\.0\.1:9 does not answer \(.*\)\. Or let .* homeport image alias"
            ):
                await shop.build("FROM 127.0.0.1:9/team/image:1")
        assert time.monotonic() - started < 5

    workshop.run(use)


def test_python_images_are_met_here_where_no_registry_answers(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_network(monkeypatch)

    async def use(shop: Shop) -> None:
        image = await shop.build(f"FROM python:{SERIES}", "RUN python -V > /v")
        assert (await shop.look(image, "cat /v")).startswith(f"Python {SERIES}")
        notes = "\n".join(shop.images.notes(image.image_id))
        assert f"this machine's base stands for python:{SERIES}: " in notes
        again = await shop.build(f"FROM python:{SERIES}", "RUN python -V > /v")
        assert again.image_id == image.image_id
        assert shop.output == ""

    workshop.run(use)


def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*arguments: object, **more: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("homeport.runtime.registry.asyncio.open_connection", refuse)


def test_without_skopeo(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.runtime.skopeo.program", lambda: None)

    async def use(shop: Shop) -> None:
        with pytest.raises(
            EndedError, match=r"nvidia/cuda:12\.4 cannot be pulled: .* apt-get install skopeo\. Or"
        ):
            await shop.build("FROM nvidia/cuda:12.4")

    workshop.run(use)


def test_an_alias_stands_for_an_image(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_network(monkeypatch)

    async def use(shop: Shop) -> None:
        aliases = shop.images.aliases
        aliases.set("nvidia/cuda:*", "debian")
        aliases.set("pytorch/pytorch", f"python:{SERIES}-slim")
        image = await shop.build(
            "FROM nvidia/cuda:12.4.0-devel", "RUN ls / > /out; command -v python || true"
        )
        assert "usr" in await shop.look(image, "cat /out")
        assert any(
            "debian is used: homeport image alias 'nvidia/cuda:*' debian" in n
            for n in shop.images.notes(image.image_id)
        )
        torch = await shop.build("FROM docker.io/pytorch/pytorch:2.4", "RUN python -V")
        assert f"python:{SERIES}-slim is used" in "\n".join(shop.images.notes(torch.image_id))
        aliases.remove("nvidia/cuda:*")
        with pytest.raises(EndedError, match="cannot be pulled"):
            await shop.build("FROM nvidia/cuda:12.4.0-devel", "RUN ls / > /out; command -v python || true")
        for pattern, target, message in (
            ("Not An Image", "debian", "cannot fit an image's name"),
            ("a/*", "a/b", "cannot stand for itself"),
            ("a/b", "nvidia/CUDA", "cannot be the name of an image"),
        ):
            with pytest.raises(InvalidError, match=message):
                aliases.set(pattern, target)
        aliases.remove("pytorch/pytorch")

    workshop.run(use)


def _html(handler: Handler) -> bool:
    answer(handler, b"<html>please log in</html>", "text/html")
    return True


def _status(status: int, path: str = "/") -> Callable[[Handler], bool]:
    def before(handler: Handler) -> bool:
        if path not in handler.path:
            return False
        answer(handler, b"{}", "application/json", status)
        return True

    return before


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (_html, "is no image registry|is no image"),
        (_status(500, "/manifests/"), "failed with status 500"),
        (_status(503, "/v2/"), "failed with status 503"),
        (_status(401, "/manifests/"), r"wants a login .* secret=modal\.Secret"),
        (_status(404, "/manifests/"), "has no image .* Check its name and tag"),
    ],
)
def test_wrong_answers(
    workshop: Workshop, fake: FakeRegistry, before: Callable[[Handler], bool], message: str
) -> None:
    fake.before = before
    _fails(workshop, fake.put("t/wrong:1", _tiny()), message)


def test_no_such_tag(workshop: Workshop, fake: FakeRegistry) -> None:
    _fails(
        workshop,
        f"{fake.address}/t/none:7",
        r"has no image 127\.0\.0\.1:\d+/t/none:7\. Check its name and tag",
    )


def test_no_answer_about_an_image(workshop: Workshop, fake: FakeRegistry) -> None:
    def before(handler: Handler) -> bool:
        if "/manifests/" in handler.path:
            fake.stall()
        return False

    fake.before = before
    _fails(workshop, fake.put("t/slow:1", _tiny()), "did not answer within 2 s")


def test_a_layer_that_comes_to_a_halt(workshop: Workshop, fake: FakeRegistry) -> None:
    image = _tiny(Entry("large", os.urandom(200_000)))
    (layer,) = image.layers()

    def before(handler: Handler) -> bool:
        if layer not in handler.path:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(image.blobs[layer])))
        handler.end_headers()
        handler.wfile.write(image.blobs[layer][:1000])
        handler.wfile.flush()
        fake.stall()
        return True

    fake.before = before
    _fails(workshop, fake.put("t/halt:1", image), "sent nothing for 2 s")


def test_a_layer_that_is_cut_off(workshop: Workshop, fake: FakeRegistry) -> None:
    image = _tiny(Entry("large", os.urandom(200_000)))
    (layer,) = image.layers()

    def before(handler: Handler) -> bool:
        if layer not in handler.path:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(image.blobs[layer])))
        handler.end_headers()
        handler.wfile.write(image.blobs[layer][:100_000])
        handler.close_connection = True
        return True

    fake.before = before
    _fails(workshop, fake.put("t/cut:1", image), "broke off in the middle")


def test_content_that_is_not_what_its_digest_says(workshop: Workshop, fake: FakeRegistry) -> None:
    image = _tiny(Entry("file", b"good"))
    (layer,) = image.layers()
    bad = make_image([Entry("file", b"evil")]).blobs
    image.blobs[layer] = next(data for data in bad.values() if data[:2] == b"\x1f\x8b").ljust(
        len(image.blobs[layer]), b"\0"
    )
    _fails(workshop, fake.put("t/digest:1", image), "not what its digest says")


def test_a_manifest_that_is_not_the_asked_one(workshop: Workshop, fake: FakeRegistry) -> None:
    image, other = _tiny(), _tiny(Entry("other", b"x"))
    name = fake.put("t/manifest:1", replace(image, blobs={**image.blobs, image.digest: other.manifest}))
    _fails(workshop, f"{name.rpartition(':')[0]}@{image.digest}", "not what its digest says")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Entry("../../outside", b"x")], "leads out of the image: '../../outside'"),
        ([Entry("etc/../../outside", b"x")], "leads out of the image"),
        ([Entry("hard", kind=tarfile.LNKTYPE, link="../../etc/passwd")], "leads out of the image"),
    ],
)
def test_a_layer_that_means_to_write_elsewhere(
    workshop: Workshop, fake: FakeRegistry, entries: list[Entry], message: str
) -> None:
    _fails(workshop, fake.put("t/slip:1", make_image(entries)), message)


def test_links_lead_nowhere_else(workshop: Workshop, fake: FakeRegistry, tmp_path: Path) -> None:
    """A link to a folder of this machine, then a file through it: it lands in the image."""
    tmp_path.chmod(0o777)
    up = "../" * 20 + str(tmp_path).lstrip("/")
    image = make_image(
        [
            *busybox_layer(),
            link("out", str(tmp_path)),
            link("up", up),
            Entry("out/one", b"1"),
            Entry("up/two", b"2"),
        ]
    )
    name = fake.put("t/links:1", image)

    async def use(shop: Shop) -> None:
        built = await shop.build(f"FROM {name}")
        assert list(tmp_path.iterdir()) == []
        assert await shop.look(built, f"ls {tmp_path}") == "one\ntwo"

    workshop.run(use)


def test_a_layer_that_is_no_archive(workshop: Workshop, fake: FakeRegistry) -> None:
    image = make_image([Entry("a", b"x")])
    junk = gzip.compress(b"no archive at all" * 100)
    digest = f"sha256:{hashlib.sha256(junk).hexdigest()}"
    manifest = json.loads(image.manifest)
    manifest["layers"][0].update(digest=digest, size=len(junk))
    raw = json.dumps(manifest).encode()
    whole = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    broken = Image(whole, {**image.blobs, digest: junk, whole: raw})
    _fails(workshop, fake.put("t/junk:1", broken), "a layer cannot be unpacked")


def test_a_login_by_secret(workshop: Workshop, fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    right = "Basic " + base64.b64encode(b"someone:open-sesame").decode()

    def before(handler: Handler) -> bool:
        if handler.headers.get("Authorization") == right:
            return False
        challenge = {"WWW_Authenticate": 'Basic realm="test"'}
        answer(handler, b'{"errors": [{"code": "UNAUTHORIZED"}]}', "application/json", 401, **challenge)
        return True

    fake.before = before
    name = fake.put("t/closed:1", _tiny())
    secrets = workshop.secrets.known
    secrets["st-right"] = {"REGISTRY_USERNAME": "someone", "REGISTRY_PASSWORD": "open-sesame"}
    secrets["st-wrong"] = {"REGISTRY_USERNAME": "someone", "REGISTRY_PASSWORD": "other"}
    secrets["st-other"] = {"TOKEN": "x"}
    _fails(workshop, name, "wants a login")
    _fails(workshop, name, "does not let the Secret's user pull", registry_secret_id="st-wrong")

    async def use(shop: Shop) -> None:
        with pytest.raises(InvalidError, match=r"has to hold REGISTRY_USERNAME .* this one holds TOKEN"):
            await shop.build(f"FROM {name}", registry_secret_id="st-other")
        await shop.build(f"FROM {name}", registry_secret_id="st-right")
        assert "open-sesame" not in shop.output

    workshop.run(use)
    found = [path for path in workshop.home.root.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in found if path.stat().st_size < 1 << 20 and b"open-sesame" in path.read_bytes()]
    assert kept == []


def test_a_full_disk(workshop: Workshop, fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacking runs into a limit on files' sizes, which is the same for the program as no space."""
    name = fake.put("t/full:1", _tiny(Entry("large", b"\0" * 3_000_000)))
    full = workshop.home.cache / "full"
    full.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(full)], check=True)
    try:
        monkeypatch.setattr(
            "homeport.runtime.layers.LayerStore.scratch", lambda self: _folder(full / f"tmp-{time.time_ns()}")
        )
        _fails(workshop, name, r"No space left on device\. Free some space, or set HOMEPORT_HOME")
    finally:
        subprocess.run(["umount", str(full)], check=True)


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    return path


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.unit.images.workshop import Shop, Workshop
async def use(shop):
    await shop.build(f"FROM {sys.argv[2]}")
Workshop(Path(sys.argv[1])).run(use)
"""


def test_an_engine_that_is_killed_while_pulling(workshop: Workshop, fake: FakeRegistry) -> None:
    """skopeo ends with it; the next engine fetches only what had not come whole, and leaves nothing."""
    image = make_image(busybox_layer(), [Entry("second", os.urandom(100_000))])
    first, second = image.layers()
    name = fake.put("t/killed:1", image)

    def before(handler: Handler) -> bool:
        if second in handler.path and not fake.released.is_set():
            fake.stall()
        return False

    fake.before = before
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(workshop.home.root), name], start_new_session=True
    )
    blobs = workshop.home.cache / "registry" / image.digest.removeprefix("sha256:") / "blobs/sha256"
    wait_until(
        lambda: (
            (blobs / first.removeprefix("sha256:")).exists() and any(second in path for path in fake.requests)
        ),
        timeout_s=60,
        what="the first layer has come, the second is asked for",
    )
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    wait_until(lambda: not _skopeos(name), timeout_s=10, what="skopeo has ended")
    fake.released.set()
    fake.requests.clear()

    async def use(shop: Shop) -> None:
        built = await shop.build(f"FROM {name}")
        assert await shop.look(built, "stat -c %s /second") == "100000"

    workshop.run(use)
    assert not any(first in path for path in fake.requests)
    assert not blobs.exists()
    assert not [path for path in workshop.layers() if path.startswith("tmp-")]


def _skopeos(name: str) -> list[str]:
    repository = name.rpartition(":")[0]
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"skopeo" in words.split(b"\0")[0] and repository.encode() in words:
            found.append(words.decode())
    return found


def test_a_build_that_is_given_up_ends_its_pull(workshop: Workshop, fake: FakeRegistry) -> None:
    image = _tiny(Entry("large", os.urandom(100_000)))
    (layer,) = image.layers()

    def before(handler: Handler) -> bool:
        if layer in handler.path:
            fake.stall()
        return False

    fake.before = before
    name = fake.put("t/given-up:1", image)

    async def use(shop: Shop) -> None:
        task = asyncio.create_task(shop.build(f"FROM {name}"))
        asked = lambda: any(layer in path for path in fake.requests)  # noqa: E731
        await asyncio.to_thread(wait_until, asked, timeout_s=20, what="the layer is asked for")
        build = next(iter(shop.images._builds._by_image.values()))
        build.task.cancel("the client was stopped")
        with pytest.raises(EndedError):
            await task
        assert _skopeos(name) == []

    workshop.run(use)
