"""The model card: what a model is, how good, on what data and under which licence, and what it is not for."""

from collections.abc import Iterator, Mapping
from typing import Any

from tiny_cats.runtime.folder import GRAPH, WEIGHTS, Description

PHOTOGRAPHS = """\
Trained on the pictures of the folder `{root}`. If that is Oxford-IIIT Pet (`data fetch`; Parkhi, Vedaldi,
Zisserman and Jawahar, *Cats and Dogs*, CVPR 2012), the collection is under CC BY-SA 4.0, and each photograph
is still its owner's. If it is another (`data import`), name its licence here before passing the model on. The
code is under the MIT licence."""

DRAWN = "Trained on pictures that the code drew: nobody else has a right in them, and no cat looks like that."

# of a run's results: said elsewhere, or not for readers
NOT_MEASURED = ("kind", "step", "classes", "temperature", "data", "splits", "judged_on", "gates")

USES = {
    "classifier": """\
To tell the breeds above apart in photographs that show one animal, and to learn how such a model is trained
and judged. It gives one of its classes to every picture, also to one of a car: a low probability is no
refusal. Not for any decision about an animal, its health or its owner.""",
    "tinydit": """\
To draw small pictures of cats, and to learn how flow matching is trained and judged. It was trained on few
pictures for its size: look at the nearest training pictures in the run's report before calling a sample new.
Not for passing off what it draws as photographs.""",
}


def card(about: Description) -> str:
    """README.md of an exported folder, with the front matter that model hubs read."""
    return "\n".join(_lines(about))


def _lines(about: Description) -> Iterator[str]:
    task = "image-classification" if about.kind == "classifier" else "unconditional-image-generation"
    yield from ("---", "license: other", f"pipeline_tag: {task}", "library_name: onnx", "---", "")
    names = {"classifier": "Cats classifier", "tinydit": "TinyDiT"}
    yield f"# {names[about.kind]}: {about.preset}, {about.size} px"
    yield ""
    yield f"Trained for {about.step} steps. Classes: {', '.join(about.classes)}."
    if about.ended.startswith("failed"):
        yield from ("", f"**The run {about.ended}.**")
    yield from ("", "## Use", "")
    yield from _use(about)
    yield from ("", "## Figures", "")
    yield from _figures(about)
    yield from ("", "## Intended use", "", USES[about.kind], "", "## Data and licence", "", _data(about))
    yield from ("", "## Files", "", "| file | SHA-256 |", "|---|---|")
    yield from (f"| `{name}` | `{value}` |" for name, value in about.files.items())
    yield from (
        "",
        "`model.json` has the whole configuration of the training, and the versions it ran with.",
        "",
    )


def _data(about: Description) -> str:
    data = about.config.get("data", {})
    return DRAWN if data.get("synthetic") else PHOTOGRAPHS.format(root=data.get("root") or "not recorded")


def _use(about: Description) -> Iterator[str]:
    command = (
        "predict photo.jpg --model ." if about.kind == "classifier" else "sample --model . --out grid.png"
    )
    if GRAPH in about.files:
        yield f"`python -m tiny_cats {command}`, which needs no PyTorch. By hand, on any ONNX Runtime:"
        yield ""
        yield f"- `{GRAPH}`: opset {about.opset}; batches of any size."
        if about.kind == "classifier":
            yield (
                f"- input `images`: uint8, B x 3 x {about.size} x {about.size}, RGB as decoded; the graph "
                "scales them itself. Output `logits`: float32, B x classes."
            )
        else:
            yield (
                f"- inputs `x`: float32, B x 3 x {about.size} x {about.size}, pictures in [-1, 1]; `t`: "
                "float32, B, 0 (noise) to 1 (picture); `y`: int64, B, the class, "
                f"{about.null_class} for none. Output `velocity`: dx/dt, the shape of `x`."
            )
    if WEIGHTS in about.files:
        weights = "the weights' moving average" if about.kind == "tinydit" else "the weights"
        yield f"- `{WEIGHTS}`: {weights}, for PyTorch; its metadata holds this description."


def _figures(about: Description) -> Iterator[str]:
    flat = list(_flat(_judged(about.figures)))
    gates = [gate for gate in about.figures.get("gates", []) if isinstance(gate, Mapping)]
    if not flat and not gates:
        yield "The run had no results when this was exported: it was not judged."
    else:
        yield from ("| figure | value |", "|---|---|")
        yield from (f"| {name} | {value} |" for name, value in flat)
    if gates:
        yield ""
    for gate in gates:
        outcome = gate.get("outcome") or ("passed" if gate.get("passed") else "failed")
        yield f"- gate {gate.get('name', '')}: {outcome}: {gate.get('words') or gate.get('seen', '')}"
    if about.parity:
        differences = about.parity["largest_difference"]
        words = ", ".join(f"{value:.1e} on {name} inputs" for name, value in differences.items())
        yield ""
        yield f"PyTorch and ONNX Runtime differ by {words}, at most, when it was exported."


def _judged(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What the run's results measured, of the pictures they are judged on."""
    splits, chosen = figures.get("splits", {}), figures.get("judged_on", "")
    kept = {name: value for name, value in figures.items() if name not in NOT_MEASURED}
    return {f"on {chosen} pictures": splits[chosen], **kept} if chosen in splits else kept


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        if isinstance(value, Mapping) and set(value) == {"value", "low", "high"}:
            words = f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
            yield f"{prefix}{name}".replace("_", " "), words
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}, ")
        elif isinstance(value, bool | str):
            yield f"{prefix}{name}".replace("_", " "), str(value)
        elif isinstance(value, int | float):
            yield (
                f"{prefix}{name}".replace("_", " "),
                f"{value:.4g}" if isinstance(value, float) else str(value),
            )
        elif isinstance(value, list) and len(value) == 2 and all(isinstance(x, int | float) for x in value):
            yield f"{prefix}{name}".replace("_", " "), f"{value[0]:.4g} to {value[1]:.4g}"
