"""What a step installed beside the caches becomes a part of its layer, and nothing else does."""

from pathlib import Path

import pytest

from homeport.model.home import Home
from homeport.runtime.package_caches import PackageCaches


@pytest.fixture
def caches(tmp_path: Path) -> PackageCaches:
    Home(tmp_path).create()
    made = PackageCaches(Home(tmp_path))
    made.bind()
    return made


def scratch_of(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "cache/packages").glob("tmp-*")
    return folder


def test_what_is_ready_joins_what_the_layer_has(caches: PackageCaches, tmp_path: Path) -> None:
    layer = tmp_path / "l/tmp-1/tree"
    (layer / "usr/local/etc").mkdir(parents=True)
    with caches.scratch(caches.new_scratch(), layer):
        for name in ("usr/local/lib/x.py", "usr/local/etc/y", "opt/z"):
            path = scratch_of(tmp_path) / "ready" / name
            path.parent.mkdir(parents=True)
            path.write_text(name)
    names = sorted(str(path.relative_to(layer)) for path in layer.rglob("*") if path.is_file())
    assert names == ["opt/z", "usr/local/etc/y", "usr/local/lib/x.py"]
    assert not list((tmp_path / "cache/packages").glob("tmp-*"))


def test_what_is_not_ready_is_left_out(caches: PackageCaches, tmp_path: Path) -> None:
    layer = tmp_path / "l/tmp-1/tree"
    layer.mkdir(parents=True)
    with caches.scratch(caches.new_scratch(), layer):
        (scratch_of(tmp_path) / "making/usr").mkdir(parents=True)
    assert not list(layer.iterdir())


@pytest.mark.parametrize("link_at", ["ready", "ready/usr"])
def test_no_link_leads_out_of_it(caches: PackageCaches, tmp_path: Path, link_at: str) -> None:
    layer, other = tmp_path / "l/tmp-1/tree", tmp_path / "other"
    (layer / "usr").mkdir(parents=True)
    other.mkdir()
    (other / "secret").write_text("")
    with pytest.raises(OSError), caches.scratch(caches.new_scratch(), layer):
        link = scratch_of(tmp_path) / link_at
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(other)
    assert (other / "secret").exists()
    assert not list((layer / "usr").iterdir())


def test_no_container_lists_what_others_install(caches: PackageCaches, tmp_path: Path) -> None:
    assert (tmp_path / "cache/packages").stat().st_mode & 0o777 == 0o711


def test_an_older_engines_caches_are_taken_over(tmp_path: Path) -> None:
    Home(tmp_path).create()
    (tmp_path / "cache/uv").mkdir()
    (tmp_path / "cache/uv/wheel").write_text("")
    PackageCaches(Home(tmp_path)).bind()
    assert (tmp_path / "cache/packages/uv/wheel").exists()
