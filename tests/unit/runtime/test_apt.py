"""apt in containers: what of this machine's configuration a container gets, and the cache between builds."""

import asyncio
from pathlib import Path

import pytest

from homeport.model.home import Home
from homeport.plan.apt_sources import parse_sources
from homeport.runtime import apt, debian_base
from homeport.runtime.apt import AptCache, AptSetup, Release, find_setup, release_of

BOOKWORM, TRIXIE = Release("debian", "bookworm"), Release("debian", "trixie")


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's /etc/apt, of bookworm."""
    folder = tmp_path / "etc"
    for name in ("sources.list.d", "trusted.gpg.d", "auth.conf.d"):
        (folder / name).mkdir(parents=True)
    settings = """
Acquire::http::Proxy "http://proxy:3142";
Acquire::https::CaInfo "{0}/house.crt";
Acquire::IndexTargets::deb::Packages::Optional "0";
APT::Update::Post-Invoke:: "rm -rf /";
Acquire::Languages "";
Acquire::http::Proxy-Auto-Detect "/usr/bin/true";
"""
    (tmp_path / "house.crt").write_text("certificate")

    async def dump(command: list[str], **_: object) -> str:
        return settings.format(tmp_path)

    monkeypatch.setattr(apt, "_ETC", folder)
    monkeypatch.setattr(apt, "run_tool", dump)
    monkeypatch.setattr(apt, "release_here", lambda: BOOKWORM)
    monkeypatch.setattr(debian_base, "release_here", lambda: BOOKWORM)
    (folder / "sources.list").write_text("deb http://mirror/debian bookworm main\n")
    return folder


def setup_of(release: Release) -> AptSetup:
    found = asyncio.run(find_setup(release))
    assert found is not None
    return found


def lent(home: Home, setup: AptSetup, name: str) -> Path:
    folder = home.cache / name
    folder.mkdir()
    AptCache(home, setup).lend(folder)
    return folder


def test_settings_of_fetching_come_along_and_hooks_do_not(etc: Path, tmp_path: Path) -> None:
    setup = setup_of(BOOKWORM)
    assert 'Acquire::http::Proxy "http://proxy:3142";' in setup.settings
    assert "Auto-Detect" not in setup.settings
    assert "Post-Invoke" not in setup.settings and "IndexTargets" not in setup.settings
    name = next(name for name, data in setup.files if data == b"certificate")
    assert f'Acquire::https::CaInfo "{apt.FOLDER}/{name}";' in setup.settings
    assert str(tmp_path) not in setup.settings


def test_keys_and_credentials_lie_in_the_containers_folder(etc: Path, tmp_path: Path) -> None:
    (etc / "house.gpg").write_bytes(b"key")
    (etc / "sources.list").write_text(f"deb [signed-by={etc}/house.gpg] http://mirror/debian bookworm main\n")
    (etc / "auth.conf.d/mirror.conf").write_text("machine mirror login me password secret\n")
    home = Home(tmp_path / "home")
    home.create()
    setup = setup_of(BOOKWORM)
    folder = lent(home, setup, "1")
    (source,) = parse_sources({"x.sources": (folder / apt.SOURCES).read_text()})
    assert (folder / Path(source.option("Signed-By")).name).read_bytes() == b"key"
    assert "password secret" in (folder / "auth.d/mirror.conf").read_text()
    assert "password" not in setup.settings


def test_a_source_without_a_key_takes_what_this_machine_trusts(etc: Path) -> None:
    (etc / "trusted.gpg.d/a.gpg").write_bytes(b"one")
    (etc / "trusted.gpg.d/b.asc").write_bytes(b"two")
    (source,) = setup_of(BOOKWORM).sources
    assert len(source.option("Signed-By").split()) == 2


def test_another_release_is_looked_for_at_the_same_address(etc: Path) -> None:
    (source,) = setup_of(TRIXIE).sources
    assert (source.uris, source.suites) == (("http://mirror/debian",), ("trixie",))
    assert asyncio.run(find_setup(Release("ubuntu", "noble"))) is None


def test_what_was_fetched_is_there_the_next_time(etc: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    setup = setup_of(BOOKWORM)
    cache = AptCache(home, setup)
    first = lent(home, setup, "1")
    second = lent(home, setup, "2")  # of a build at the same time
    (first / apt.ARCHIVES / "a_1_all.deb").write_bytes(b"a")
    (first / apt.LISTS / "list").write_text("old")
    (first / apt.LISTS / "lock").touch()
    cache.take_back(first)
    (second / apt.LISTS / "list").write_text("new")
    cache.take_back(second)
    third = lent(home, setup, "3")
    assert (third / apt.ARCHIVES / "a_1_all.deb").read_bytes() == b"a"
    assert (third / apt.LISTS / "list").read_text() == "new"
    assert not (third / apt.LISTS / "lock").exists()


def test_the_cache_has_a_limit(etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "_CACHE_LIMIT_BYTES", 150)
    home = Home(tmp_path / "home")
    home.create()
    setup = setup_of(BOOKWORM)
    folder = lent(home, setup, "1")
    for number in range(3):
        (folder / apt.ARCHIVES / f"{number}.deb").write_bytes(b"x" * 60)
    AptCache(home, setup).take_back(folder)
    assert len(list((lent(home, setup, "2") / apt.ARCHIVES).glob("*.deb"))) == 2


def test_an_image_says_its_release(tmp_path: Path) -> None:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    upper.mkdir()
    (lower / "usr/lib").mkdir(parents=True)
    (lower / "usr/lib/os-release").write_text('ID=debian\nVERSION_CODENAME="trixie"\n')
    assert release_of((upper, lower)) == TRIXIE
    assert release_of((upper,)) is None


def test_a_release_that_is_not_served_is_not_asked_for_until_the_sources_change(
    etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_here(*_: object, **__: object) -> bool:
        return True

    monkeypatch.setattr(debian_base, "is_python_here", is_here)
    home = Home(tmp_path / "home")
    home.create()
    possible = lambda: asyncio.run(debian_base._possible(home, "3.13", "trixie"))  # noqa: E731
    assert possible() == [TRIXIE, BOOKWORM]
    asyncio.run(debian_base._refuse(home, TRIXIE))
    assert possible() == [BOOKWORM]
    (etc / "sources.list").write_text("deb http://another/debian bookworm main\n")
    assert possible() == [TRIXIE, BOOKWORM]
