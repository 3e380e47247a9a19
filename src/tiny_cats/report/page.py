"""The report's page: facts in, HTML out. The template and its own style lie beside this file, in page/."""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from tiny_cats.report import curves
from tiny_cats.report.facts import Picture, RunFacts
from training_kit import page
from training_kit.config import flatten
from training_kit.page import Verdict

PAGE = Path(__file__).with_name("page")
WIDE_PX = 620  # what a grid of small pictures is enlarged to, about

DISTANCE_ROWS = (
    ("training pictures", "real pictures: the floor, which a perfect model would come to"),
    ("samples", "this model"),
    ("linear model", "draws from a Gaussian with the training pictures' mean and covariance"),
    ("blurred mean", "the mean training picture, blurred"),
    ("noise", "noise"),
)


@dataclass(frozen=True, slots=True)
class Tile:
    figure: str
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on the page. `is_small`: of few pixels, which are to be seen as they are."""

    src: Markup
    alt: str
    width: int
    height: int
    is_small: bool


def render_page(facts: RunFacts) -> str:
    """The whole page, with nothing to load from elsewhere."""
    configuration = list(_configuration(facts))
    return page.render(
        PAGE,
        "report.html.j2",
        facts=facts,
        verdict=verdict(facts),
        tiles=list(_dit_tiles(facts) if facts.kind == "dit" else _classifier_tiles(facts)),
        results=facts.results,
        pictures=_pictures(facts),
        way=[(step, show(picture, f"Samples after step {step}", 300)) for step, picture in facts.way],
        losses_svg=_losses(facts),
        losses_words=_losses_words(facts),
        times_svg=_times(facts),
        nearness_svg=_nearness(facts),
        distances=list(_distances(facts)),
        data_classes=_data_classes(facts),
        configuration=configuration,
        set_values=sum(origin != "default" for _, _, origin in configuration),
    )


def verdict(facts: RunFacts) -> Verdict:
    """Of the run's state and its gates, the worse decides."""
    state = str(facts.state.get("state", "unknown"))
    failed = [gate.name for gate in facts.gates if gate.outcome == "failed"]
    names = ", ".join(failed)
    if state == "failed" and not failed:
        return Verdict("bad", "Failed.", str(facts.state.get("error") or "The run did not come to its end."))
    if failed and not facts.are_gates_enforced:
        return Verdict("warn", "Not good enough.", f"Not passed, and not insisted on here: {names}.")
    if failed and not _is_whole(facts):
        return Verdict("warn", "Not trained to the end.", f"What there is does not pass: {names}.")
    if failed:
        return Verdict("bad", "Not good enough.", f"Not passed: {names}.")
    if state == "interrupted":
        return Verdict("warn", "Interrupted.", "It goes on with --resume.")
    if facts.gates and state in ("finished", "running"):  # running: the page is written as the run ends
        passed = sum(gate.outcome == "passed" for gate in facts.gates)
        words = "Its gate" if passed == 1 else f"All {passed} gates that could be judged"
        return Verdict("good", "Passed.", f"{words}.")
    word = {"running": "Running.", "finished": "Finished."}.get(state, "State unknown.")
    return Verdict("warn", word, "This page shows what there was when it was written; it was not judged.")


def show(picture: Picture, alt: str, wide_px: int = WIDE_PX) -> Shown:
    """As a data URI, enlarged by a whole number where it is small."""
    with Image.open(io.BytesIO(picture.content)) as image:
        width, height = image.size
    times = max(1, round(wide_px / width))
    src = "data:image/png;base64," + base64.b64encode(picture.content).decode()
    return Shown(Markup(src), alt, times * width, times * height, times > 1)


ALTS = {
    "samples": "Samples, drawn by the averaged weights and picked by nobody",
    "held-out-pictures": "Held-out real pictures, which training has not seen",
    "training-pictures": "Training pictures",
    "linear-model": "Draws from a Gaussian with the training pictures' mean and covariance: blurred ghosts",
    "blurred-mean": "The blurred mean of the training pictures",
    "noise": "Noise",
    "neighbours": "Three rows: samples most like copies; the training picture nearest to each by pixels; "
    "the one nearest by features",
    "confusion": "Confusion matrix: true classes in rows, named ones in columns; its numbers "
    "are in the table below",
    "reliability": "Share of right answers against confidence, as trained and with the fitted temperature; "
    "the diagonal is perfect",
    "mistakes": "The wrong answers that the classifier was surest of; the list below names them",
}


def _pictures(facts: RunFacts) -> dict[str, Shown]:
    small = {"blurred-mean": 120, "noise": 300, "linear-model": 300, "training-pictures": 300}
    return {
        name: show(picture, ALTS.get(name, name), small.get(name, WIDE_PX))
        for name, picture in facts.pictures.items()
    }


def _is_whole(facts: RunFacts) -> bool:
    done = max((int(line.get("step", 0)) for line in facts.lines), default=0)
    return done >= int(facts.resolved.config.training.steps)


def _dit_tiles(facts: RunFacts) -> Iterator[Tile]:
    found = facts.results
    if not found:
        return
    judged = [gate for gate in facts.gates if gate.outcome != "not judged"]
    yield Tile(f"{sum(gate.outcome == 'passed' for gate in judged)} / {len(judged)}", "gates passed")
    curves_of = found["velocity"]
    ratio = _mean(curves_of["held_out"]) / max(_mean(curves_of["linear"]), 1e-12)
    yield Tile(f"{ratio:.3f}", "held-out velocity loss over the best linear predictor's")
    of = found["distances"]["of"]
    floor = of["training pictures"]["frechet"]
    yield Tile(
        f"{of['samples']['frechet']:.4g}", f"Fréchet distance of samples; {floor:.4g} of real pictures"
    )
    share = max(found["copied"]["pixels"], found["copied"]["features"])
    yield Tile(f"{share:.1%}", "samples nearer to a training picture than 99 % of real ones are")


def _classifier_tiles(facts: RunFacts) -> Iterator[Tile]:
    found = _split(facts)
    if not found:
        return
    where = f"{facts.results['judged_on']}, {found['pictures']} pictures"
    for key, name in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
        share = found[key]
        interval = f"95 % interval {share['low']:.1%} to {share['high']:.1%}"
        yield Tile(f"{share['value']:.1%}", f"{name} ({interval}), {where}")
    yield Tile(f"{found['chance']:.1%}", "balanced accuracy by chance")
    calibrated = found["calibration"]["calibrated"]
    words = f"calibration error, at temperature {calibrated['temperature']:.2f}"
    yield Tile(f"{calibrated['error']:.1%}", words)


def _split(facts: RunFacts) -> Mapping[str, Any]:
    found: Mapping[str, Any] = facts.results.get("splits", {}).get(facts.results.get("judged_on"), {})
    return found


def _losses(facts: RunFacts) -> Markup:
    if not facts.lines:
        return Markup("")
    named = [("training", facts.series("loss")), ("validation", facts.series("val_loss"))]
    if facts.kind == "dit":
        named.append(("training pictures, EMA", facts.series("train_loss_ema")))
    return Markup(curves.losses_by_step(named, facts.series("lr")))


def _losses_words(facts: RunFacts) -> str:
    loss = facts.series("loss")
    if not loss:
        return ""
    words = f"{loss[-1][0]} steps; the last training loss is {loss[-1][1]:.4f}"
    pace = facts.series("pictures_a_s")
    return words + (
        f"; {sorted(value for _, value in pace)[len(pace) // 2]:.0f} pictures a second." if pace else "."
    )


def _times(facts: RunFacts) -> Markup:
    found = facts.results.get("velocity")
    if not found:
        return Markup("")
    lines = (found[name] for name in ("held_out", "training", "raw_held_out", "linear"))
    return Markup(curves.losses_by_time(found["times"], *lines))


def _nearness(facts: RunFacts) -> Markup:
    found = facts.results.get("nearness")
    if not found:
        return Markup("")
    return Markup(curves.nearness(found["samples"], found["held_out"], found["copy_below"]))


@dataclass(frozen=True, slots=True)
class DistanceRow:
    name: str
    words: str
    frechet: float
    kernel: float


def _distances(facts: RunFacts) -> Iterator[DistanceRow]:
    of = facts.results.get("distances", {}).get("of", {})
    for name, words in DISTANCE_ROWS:
        if name in of:
            yield DistanceRow(name, words, of[name]["frechet"], of[name]["kernel"])


def _data_classes(facts: RunFacts) -> list[str]:
    splits = facts.data.get("splits", {})
    return list(dict.fromkeys(name for counts in splits.values() for name in counts))


def _configuration(facts: RunFacts) -> Iterator[tuple[str, str, str]]:
    values = flatten(facts.resolved.config.model_dump(mode="json"))
    for key, value in values.items():
        yield key, json.dumps(value, ensure_ascii=False), facts.resolved.origins.get(key, "default")


def _mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))
