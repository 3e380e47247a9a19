"""The page: what it says of a finished run, and that it needs nothing but itself."""

import html
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from seizure.errors import SeizureError
from seizure.report import write_report
from tests.seizure.report.made_run import SEIZURES, make_run, put_json, verification

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Tree(HTMLParser):
    """Elements with their attributes; fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"


@pytest.fixture(scope="module")
def tree(page: str) -> Tree:
    tree = Tree()
    tree.feed(page)
    assert tree.open == []
    return tree


def test_the_page_is_one_file_that_loads_nothing(page: str, tree: Tree) -> None:
    assert not [tag for tag, _ in tree.elements if tag in ("script", "link", "img", "iframe", "object")]
    addresses = [
        value for _, attrs in tree.elements for key, value in attrs.items() if key in ("href", "src")
    ]
    assert addresses and all(value and value.startswith("#") for value in addresses)
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page
    assert len(page) < 5_000_000


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(tree: Tree) -> None:
    ids = [attrs["id"] for _, attrs in tree.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in tree.elements:
        for key in ("href", "xlink:href", "aria-labelledby"):
            if target := attrs.get(key):
                assert target.removeprefix("#") in ids, f"<{tag} {key}={target}>"


def test_every_picture_says_what_it_shows_and_every_table_has_headers(page: str, tree: Tree) -> None:
    svgs = [attrs for tag, attrs in tree.elements if tag == "svg"]
    assert len(svgs) >= 2 + len(SEIZURES) + 3  # curves, strips, pictures
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in svgs)
    for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        assert 'scope="col"' in table
    headings = [int(tag[1]) for tag, _ in tree.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_light_dark_and_paper_have_colours_of_their_own(page: str) -> None:
    assert "prefers-color-scheme: dark" in page and "@media print" in page
    # no colour of matplotlib's own is left: it would be black on a dark page
    curves = "".join(re.findall(r'<svg class="curve".*?</svg>', page, flags=re.DOTALL))
    assert "var(--det)" in curves and not re.search(
        r"#[0-9a-f]{6}\b", re.sub(r'(id|href)="[^"]*"', "", curves)
    )


def test_words_can_be_read_in_every_scheme(page: str) -> None:
    """WCAG 2.1, 1.4.3: a contrast of 4.5 between text and what it stands on."""
    blocks = re.findall(r":root {(.*?)}", page, re.DOTALL)
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", block)) for block in blocks]
    assert len(schemes) == 3
    for scheme in schemes:
        for name in ("ink", "muted", "ref", "det", "good", "bad", "warn", "left", "right", "mid"):
            for ground in ("paper", "card"):
                assert contrast(scheme[name], scheme[ground]) >= 4.5, f"{name} on {ground}"


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_each_scorer_is_named_beside_its_figures(page: str) -> None:
    for scorer in ("SzCORE events", "SzCORE samples", "OVLP", "TAES", "mean of patients"):
        assert scorer in page
    row = re.search(r"<th scope=\"row\">OVLP, any overlap</th>(.*?)</tr>", page, flags=re.DOTALL)
    assert row and re.findall(r">([^<]+)</td>", row[1])[:3] == ["0.500", "0.500", "0.500"]
    # one false alarm in 4 recordings of 90 s
    assert re.findall(r">([^<]+)</td>", row[1])[3] == "240.0"


def test_lengths_that_validation_chose_stand_beside_the_threshold(page: str) -> None:
    assert 'min_duration_s 6, merge_s 0 <span class="muted">(fitted on validation)' in page


def test_a_figure_without_a_meaning_is_a_dash_and_no_number(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    text = (run / "scores-eval.json").read_text()
    (run / "scores-eval.json").write_text(re.sub(r'"precision": [0-9.]+', '"precision": null', text))
    assert '<td class="n">–</td>' in write_report(run).read_text()


def test_the_pictures_are_a_found_a_missed_and_a_false_event(page: str) -> None:
    titles = re.findall(r"</span> ([^<]+)</h3>", page)
    assert titles == [
        "Missed seizure, aaaaaaab_s001_t000 at 0:00:30",
        "Detected seizure, aaaaaaaa_s001_t000 at 0:00:20",
        "False alarm, aaaaaaac_s001_t000 at 0:01:00",
    ]
    assert "detected 3 s after the annotated onset" in page
    assert "15 s a page, negative up; filter 0.5 to 64 Hz, notch 60 Hz; bipolar, double banana" in page


def test_the_head_names_kind_state_and_verification(page: str) -> None:
    assert "smoke run, started 2026-03-01 10:15:00" in page
    assert "Finished and verified." in page
    assert "Synthetic data." in page and "Not a medical device." in page


def test_what_differs_from_what_was_asked_for_is_the_verdict(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    put_json(run / "verification.json", verification("mismatch"))
    page = write_report(run).read_text()
    assert "Not verified." in page and "differs: unset it" in page
    assert "Finished and verified." not in page


def test_words_from_outside_cannot_become_markup(page: str) -> None:
    assert "it says &lt;b&gt;PDF&lt;/b&gt;" in page
    assert "<b>PDF</b>" not in page


def test_the_origin_of_every_value_is_shown(tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path, training__steps="7")).read_text()
    row = re.search(r"<code>training\.steps</code>.*?</tr>", page, flags=re.DOTALL)
    assert row and "<code>7</code>" in row[0] and "--set training.steps" in row[0]
    assert re.search(r"<code>kind</code>.*?smoke_test.yaml:3", page, flags=re.DOTALL)


def test_training_is_told_in_words_beside_its_curves(page: str) -> None:
    assert "40 steps; the last training loss is 0.0250; the lowest validation loss 0.2500, at step 40" in page
    assert "21 windows a second in the median; 1.5 % of a step's time" in html.unescape(page)


def test_real_data_are_not_called_synthetic(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    put_json(run / "splits.json", {"train": [], "val": [], "eval": list(SEIZURES), "synthetic": False})
    assert "Synthetic data." not in write_report(run).read_text()


def test_the_same_run_gives_the_same_page(run: Path, page: str, tmp_path: Path) -> None:
    assert write_report(run, tmp_path / "again.html").read_text() == page


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeizureError, match="is this a run's folder"):
        write_report(tmp_path)
