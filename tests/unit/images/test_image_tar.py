"""Images as archives: what a layer hides is hidden, and other tools can read them."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from homeport.runtime.image_tar import write_oci, write_root


@pytest.fixture
def layers(tmp_path: Path) -> list[Path]:
    """Topmost first."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    for path, text in {
        "etc/kept": "kept",
        "etc/changed": "old",
        "etc/deleted": "x",
        "opt/hidden/old": "x",
        "srv/replaced/inside": "x",
    }.items():
        (lower / path).parent.mkdir(parents=True, exist_ok=True)
        (lower / path).write_text(text)
    (lower / "etc/link").symlink_to("kept")
    (upper / "etc").mkdir(parents=True)
    (upper / "etc/changed").write_text("new")
    (upper / "etc/program").write_text("#!/bin/sh")
    (upper / "etc/program").chmod(0o755)
    (upper / "opt/hidden").mkdir(parents=True)
    (upper / "opt/hidden/new").write_text("y")
    (upper / "srv").mkdir()
    (upper / "srv/replaced").write_text("a file now")
    try:
        os.mknod(upper / "etc/deleted", 0o020000, 0)
        os.setxattr(upper / "opt/hidden", "user.overlay.opaque", b"y")
    except OSError as error:
        pytest.skip(f"no whiteouts can be made here: {error}")
    return [upper, lower]


def test_the_root_file_system_is_what_a_container_sees(layers: list[Path]) -> None:
    stream, seen = io.BytesIO(), []
    assert write_root(stream, layers, host_usr=False, progress=seen.append) == []
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        files = {}
        for member in tar:
            assert member.uid == member.gid == 0
            content = tar.extractfile(member)
            files[member.name] = content.read().decode() if content else member.linkname
        assert tar.getmember("etc/program").mode == 0o755
    assert files == {
        "etc": "",
        "etc/kept": "kept",
        "etc/changed": "new",
        "etc/program": "#!/bin/sh",
        "etc/link": "kept",
        "opt": "",
        "opt/hidden": "",
        "opt/hidden/new": "y",
        "srv": "",
        "srv/replaced": "a file now",
    }
    assert sum(seen) == sum(len(text) for name, text in files.items() if name not in ("etc/link",))


def test_the_userland_of_this_machine_comes_along_where_the_image_lies_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from homeport.runtime import image_tar

    host, layer = tmp_path / "host", tmp_path / "layer"
    (host / "usr/bin").mkdir(parents=True)
    (host / "usr/bin/true").write_text("true")
    (host / "home").mkdir()
    (layer / "usr/local").mkdir(parents=True)
    monkeypatch.setattr(image_tar, "HOST", host)
    stream = io.BytesIO()
    write_root(stream, [layer], host_usr=True, progress=lambda count: None)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        assert set(tar.getnames()) == {"usr", "usr/bin", "usr/bin/true", "usr/local"}


@pytest.mark.skipif(not (shutil.which("skopeo") and shutil.which("umoci")), reason="no skopeo and umoci here")
def test_skopeo_and_umoci_read_an_oci_archive(layers: list[Path], tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    config = {"architecture": "amd64", "os": "linux", "config": {"Env": ["A=1"], "WorkingDir": "/srv"}}
    with archive.open("wb") as file:
        write_oci(file, layers, False, config, "im-1", lambda count: None)
    layout = tmp_path / "layout"
    for command in (
        ["skopeo", "--insecure-policy", "copy", "-q", f"oci-archive:{archive}", f"oci:{layout}:it"],
        ["umoci", "unpack", "--rootless", "--image", f"{layout}:it", str(tmp_path / "bundle")],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    root = tmp_path / "bundle/rootfs"
    files = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert files == {"etc/kept", "etc/changed", "etc/program", "etc/link", "opt/hidden/new", "srv/replaced"}
    assert (root / "etc/changed").read_text() == "new"
