"""Volumes' pages: folders, previews, downloads, and files that nobody should trust."""

import os
from pathlib import Path

import pytest

from homeport.web.pages.previews import preview
from tests.unit.web.pages.browsing import Browser, Site


@pytest.fixture
def folder(site: Site, tmp_path: Path) -> Path:
    """Served as the volume `results`."""
    made = tmp_path / "results"
    (made / "sub folder").mkdir(parents=True)
    site.volumes.names.link("main", "results", made, is_writable=False)
    return made


def test_a_folder_lists_folders_first(browser: Browser, folder: Path) -> None:
    (folder / "a.txt").write_text("x")

    page = browser.get("/volumes/results").text

    assert page.index("sub folder/") < page.index("a.txt")
    assert 'href="/volumes/results/sub%20folder"' in page
    assert "results" in browser.get("/volumes").text


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("log.txt", "one & two", "one &amp; two"),
        ("notes.md", "# Title", "# Title"),
        ("conf.yaml", "a: 1", "a: 1"),
        ("data.json", '{"a":{"b":1}}', "&#34;b&#34;: 1"),
        ("broken.json", '{"a":', "{&#34;a&#34;:"),
        ("rows.csv", 'name,n\n"a,b",2\n', "<td>a,b</td><td>2</td>"),
        ("rows.tsv", "name\tn\nx\t2\n", "<td>x</td><td>2</td>"),
        ("odd.csv", "only one column\n", "only one column"),
        ("picture.png", "x", 'src="/volumes/results/picture.png?raw=1"'),
        ("report.html", "<h1>x</h1>", "sandbox title="),
        ("model.bin", "\0\1\2", "no preview"),
        ("empty.txt", "", "The file is empty"),
        ("umlaut.txt", "größer", "größer"),
    ],
)
def test_previews(browser: Browser, folder: Path, name: str, content: str, shown: str) -> None:
    (folder / name).write_text(content)

    answer = browser.get(f"/volumes/results/{name}")

    assert answer.status == 200
    assert shown in answer.text


def test_big_files_are_cut_and_said_so(browser: Browser, folder: Path) -> None:
    (folder / "big.txt").write_text("größe\n" * 100_000)
    (folder / "big.csv").write_text("a,b\n" * 100_000)

    text, table = browser.get("/volumes/results/big.txt"), browser.get("/volumes/results/big.csv")

    assert "The first 60,000 characters are shown" in text.text
    assert "The first 100 rows are shown" in table.text
    assert max(len(text.body), len(table.body)) < 200 << 10


def test_a_folder_of_many_files_is_cut(browser: Browser, folder: Path) -> None:
    for number in range(700):
        (folder / f"{number}.txt").touch()

    page = browser.get("/volumes/results")

    assert "701 entries; the first 500 are shown" in page.text
    assert len(page.body) < 200 << 10


def test_a_report_runs_and_loads_nothing(browser: Browser, folder: Path) -> None:
    (folder / "report.html").write_text("<script>fetch('/')</script>")

    answer = browser.get("/volumes/results/report.html?raw=1")

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "allow-" not in policy
    assert answer.body == b"<script>fetch('/')</script>"


@pytest.mark.parametrize("name", ["a.txt", "a.js", "a.xml", "a.pdf", "a"])
def test_other_files_are_never_sent_as_they_are(browser: Browser, folder: Path, name: str) -> None:
    (folder / name).write_text("<script>alert(1)</script>")

    answer = browser.get(f"/volumes/results/{name}?raw=1")

    assert "<script>alert" not in answer.text


def test_a_download_is_an_attachment(browser: Browser, folder: Path) -> None:
    (folder / 'a "b"; X: ü.html').write_text("hi")

    answer = browser.get("/volumes/results/a%20%22b%22%3B%20X%3A%20%C3%BC.html?download=1")

    assert answer.body == b"hi"
    assert answer.headers["content-disposition"].startswith(
        "attachment; filename*=UTF-8''a%20%22b%22%3B%20X%3A"
    )
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    ["../secret", "%2e%2e/secret", "..%2fsecret", "sub%20folder/..%2f..%2fsecret", "%00", "way/out/secret"],
)
def test_no_path_leads_out(browser: Browser, folder: Path, path: str) -> None:
    (folder.parent / "secret").write_text("do not show")
    (folder / "way").mkdir()
    (folder / "way" / "out").symlink_to(folder.parent)
    (folder / "link").symlink_to(folder.parent / "secret")

    for asked in (path, f"{path}?raw=1", f"{path}?download=1", "link?download=1"):
        answer = browser.get(f"/volumes/results/{asked}")
        assert answer.status in (400, 403, 404), answer.text
        assert "do not show" not in answer.text


def test_names_that_are_no_text_are_shown_and_opened(browser: Browser, folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("latin name")

    assert "caf%E9.txt" in browser.get("/volumes/results").text
    assert "latin name" in browser.get("/volumes/results/caf%E9.txt").text


def test_names_and_cells_are_text(browser: Browser, folder: Path) -> None:
    (folder / "<img src=x onerror=alert(1)>.csv").write_text("a,<script>alert(1)</script>\n1,2\n")

    for path in ("/volumes/results", "/volumes/results/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E.csv"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_missing_volume_and_file_are_said(browser: Browser, folder: Path) -> None:
    assert "Volume &#39;nothing&#39; not found" in browser.get("/volumes/nothing").text
    assert browser.get("/volumes/results/nothing").status == 404


def test_json_that_is_nested_deeply_is_indented_only_as_far_as_it_is_shown() -> None:
    text = "[" * 900 + ",".join(["1"] * 100_000) + "]" * 900
    shown = preview("a.json", text.encode(), len(text))
    assert len(shown.text) == 60_000 and shown.note
