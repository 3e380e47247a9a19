"""What is read of apt's lists of sources, in both forms, and what of it a root file system is made from."""

from homeport.plan.apt_sources import AptSource, for_another_release, of_release, parse_sources, render

LONG = """\
# the mirror of this house
Types: deb deb-src
URIs: http://mirror/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
uris: http://mirror/debian-security
SUITES: bookworm-security
Components: main
signed-by: /etc/apt/keyrings/house.gpg

Types: deb
URIs: http://off
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://sources
Suites: bookworm
Components: main
"""
SHORT = """\
deb [arch=amd64,i386 signed-by=/usr/share/keyrings/x.gpg trusted=yes] http://one/debian bookworm main non-free
deb-src http://one/debian bookworm main
# deb http://off bookworm main
deb http://two/debian/ bookworm-security main
deb https://download.docker.com/linux/debian bookworm stable
deb http://apt.postgresql.org/pub/repos/apt bookworm-pgdg main
"""


def test_the_long_form() -> None:
    first, second = parse_sources({"debian.sources": LONG})
    assert (first.uris, first.suites[0], first.components) == (
        ("http://mirror/debian",),
        "bookworm",
        ("main", "contrib"),
    )
    assert first.option("Signed-By").startswith("\n -----BEGIN") and "\n .\n abc" in first.option("Signed-By")
    assert second == AptSource(
        ("http://mirror/debian-security",),
        ("bookworm-security",),
        ("main",),
        (("Signed-By", "/etc/apt/keyrings/house.gpg"),),
    )


def test_the_short_form() -> None:
    first, second, *others = parse_sources({"sources.list": SHORT})
    assert first.options == (
        ("Architectures", "amd64 i386"),
        ("Signed-By", "/usr/share/keyrings/x.gpg"),
        ("Trusted", "yes"),
    )
    assert (first.uris, first.suites, first.components) == (
        ("http://one/debian",),
        ("bookworm",),
        ("main", "non-free"),
    )
    assert second.suites == ("bookworm-security",) and len(others) == 2


def test_what_is_written_is_read_as_the_same() -> None:
    sources = parse_sources({"a.sources": LONG, "b.list": SHORT})
    assert parse_sources({"x.sources": render(sources)}) == sources


def test_only_the_releases_own_archive_counts() -> None:
    sources = of_release(parse_sources({"b.list": SHORT, "a.sources": LONG}), "bookworm")
    assert [source.uris[0] for source in sources] == [
        "http://one/debian",
        "http://two/debian/",
        "http://mirror/debian",
        "http://mirror/debian-security",
    ]
    assert sources[2].suites == ("bookworm", "bookworm-updates")


def test_a_machine_that_names_no_release_follows_one_all_the_same() -> None:
    sources = parse_sources({"x.list": "deb http://m/debian stable main\ndeb http://m/debian testing-x main"})
    assert [source.suites for source in of_release(sources, "bookworm")] == [("stable",)]
    assert of_release(sources[1:], "bookworm") == []


def test_another_release_of_the_same_archive() -> None:
    sources = of_release(parse_sources({"a.sources": LONG}), "bookworm")
    assert [source.suites for source in for_another_release(sources, "trixie")] == [
        ("trixie", "trixie-updates"),
        ("trixie-security",),
    ]


def test_empty_files_and_nonsense_name_nothing() -> None:
    assert (
        parse_sources({"a.sources": "", "b.list": "\n#\ndeb\ndeb [x\n", "c.sources": "Types: deb-src"}) == []
    )
