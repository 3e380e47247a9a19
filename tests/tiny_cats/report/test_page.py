"""The report of both trainings: what it says, that it needs nothing but itself, and is never missing."""

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_cats.report.made_run import make_classifier_run, make_dit_run
from tiny_cats.errors import CatsError
from tiny_cats.report import write_report

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Tree(HTMLParser):
    """Elements with their attributes; fails where tags do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"


@pytest.fixture(scope="module")
def dit_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(make_dit_run(tmp_path_factory.mktemp("runs"))).read_text()


@pytest.fixture(scope="module")
def classifier_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(make_classifier_run(tmp_path_factory.mktemp("runs"))).read_text()


@pytest.fixture(params=["dit_page", "classifier_page"])
def page(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_the_page_is_one_file_that_loads_nothing(page: str) -> None:
    tree = Tree(page)
    assert not [tag for tag, _ in tree.elements if tag in ("script", "link", "iframe", "object")]
    addresses = [attrs.get("href") or attrs.get("src") for _, attrs in tree.elements]
    assert all(one.startswith(("#", "data:image/png;base64,")) for one in addresses if one)
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page and "prefers-color-scheme: dark" in page


def test_it_can_be_read_aloud_and_walked_through(page: str) -> None:
    tree = Tree(page)
    for tag, attrs in tree.elements:
        if tag == "img":
            assert attrs.get("alt") and attrs.get("width") and attrs.get("height")
        if tag == "svg":
            assert attrs.get("role") == "img" and attrs.get("aria-label")
    ids = [attrs["id"] for _, attrs in tree.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in tree.elements:
        for key in ("href", "xlink:href", "aria-labelledby"):
            if target := attrs.get(key):
                assert target.removeprefix("#") in ids
    headings = [int(tag[1]) for tag, _ in tree.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        assert 'scope="col"' in table


def test_both_pages_say_data_configuration_versions_and_command(page: str) -> None:
    words = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert "1 file could not be used" in words and "truncated" in words
    assert "Started by python -m tiny_cats train x" in words and "torch 2.13" in words
    assert re.search(r"training\.steps</code></th>.*?<code>\d+</code>.*?_smoke\.yaml:\d+</code>", page)
    assert '<td><span class="muted">default</span></td>' in page
    assert "20 steps; the last training loss is 0.0500; 31 pictures a second." in words


def test_words_from_outside_cannot_become_markup(page: str) -> None:
    assert "siamese &lt;b&gt;" in page and "siamese <b>" not in page
    assert "ends after &lt;b&gt;12" in page


def test_tinydit_s_page_has_gates_distances_neighbours_and_pictures(dit_page: str) -> None:
    passed = r'velocity in the mean</th><td class="good-text">passed</td><td>at most 0.97</td>'
    assert re.search(passed, dit_page)
    assert re.search(r'class of guided samples</th><td class="warn-text">not judged', dit_page)
    row = re.search(r'<tr class="main"><th scope="row">samples</th>(.*?)</tr>', dit_page)
    assert row and re.findall(r">([\d.]+)</td>", row[1]) == ["120", "0.12"]
    assert "Not FID" in dit_page and "a network" in dit_page
    steps = re.findall(r"<figcaption>step (\d+)</figcaption>", dit_page)
    assert steps[0] == "10" and steps[-1] == "100" and len(steps) == 6
    assert dit_page.count('class="small"') >= 5  # few pixels, seen as they are
    assert 'aria-label="Velocity loss by time"' in dit_page


def test_the_classifier_s_page_has_intervals_calibration_and_mistakes(classifier_page: str) -> None:
    assert "95 % interval 50.0% to 90.0%" in html.unescape(classifier_page)
    assert "temperature 1.20, fitted on validation" in classifier_page
    assert "black/a&amp;b.jpg" in classifier_page
    assert re.search(r'black</th><td class="n">8</td><td class="n">2</td>', classifier_page)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"outcome": "passed"}, "Passed."),
        ({"outcome": "failed", "state": "failed"}, "Not good enough."),
        ({"outcome": "failed", "gates_enforced": False}, "not insisted on here"),
        ({"outcome": "passed", "state": "failed"}, "why it failed"),
        ({"outcome": "passed", "state": "interrupted"}, "Interrupted."),
    ],
)
def test_the_verdict_is_the_worse_of_state_and_gates(
    made: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    page = write_report(make_dit_run(tmp_path, **made)).read_text()
    verdict = re.search(r'class="verdict \w+" role="status">(.*?)</p>', page, flags=re.DOTALL)
    assert verdict and expected in html.unescape(verdict[1])


@pytest.mark.parametrize("make", [make_dit_run, make_classifier_run])
def test_a_run_that_lacks_a_file_or_has_half_of_it_has_a_report(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = make(tmp_path)
    files = [path for path in folder.glob("*.json*") if path.name != "config.json"]
    assert len(files) == 5
    for path in files:
        whole = path.read_text()
        path.write_text(whole[: len(whole) // 2])
    Tree(write_report(folder).read_text())
    for path in files:
        path.unlink()
    page = write_report(folder).read_text()
    Tree(page)
    assert "has not been judged" in page and "python -m tiny_cats evaluate" in page
    assert "No training step has been recorded." in page


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    folder = make_dit_run(tmp_path)
    assert write_report(folder).read_text() == write_report(folder, tmp_path / "again.html").read_text()


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatsError, match="is this a run's folder"):
        write_report(tmp_path)


def test_figures_without_a_meaning_are_no_traceback(tmp_path: Path) -> None:
    folder = make_dit_run(tmp_path)
    results = json.loads((folder / "results.json").read_text())
    results["distances"]["of"]["samples"]["frechet"] = float("nan")
    (folder / "results.json").write_text(json.dumps(results))
    assert ">nan<" in write_report(folder).read_text()
