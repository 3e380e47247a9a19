"""`export`: write a trained model as safetensors and ONNX"""

from pathlib import Path

import click

from tiny_cats.commands._given import refuse_given
from tiny_cats.opening import EXPORTED


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="RUN|CHECKPOINT")
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="A new folder for the model; exported/classifier or exported/tinydit if none is named.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["safetensors", "onnx", "both"]), default="both", show_default=True,
    help="safetensors: weights for PyTorch, which hold no code. onnx: the whole model, for any ONNX Runtime.",
)  # fmt: skip
@click.option(
    "--data", "data_dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True,
    help="The folder with the run's pictures, some of which the graph is compared on.",
)  # fmt: skip
@click.option(
    "--push", metavar="REPO",
    help="Upload the folder to this repository of Hugging Face too; needs huggingface_hub and HF_TOKEN.",
)  # fmt: skip
def command(model: Path, out: Path | None, form: str, data_dir: Path, push: str | None) -> int:
    """Write a trained model into a folder, for use elsewhere.

    Of TinyDiT the weights' moving average is written. The ONNX graph is held to PyTorch's outputs, and a
    folder is whole or not there. `predict` and `sample` take it as --model, without PyTorch.

    \b
    Examples:
      python -m tiny_cats export runs/classifier-20260301-101500
      python -m tiny_cats export runs/tinydit-20260301-101500 --out models/tinydit --format onnx
      python -m tiny_cats export runs/tinydit-20260301-101500/checkpoints/step-010000.pt --out models/early
    """
    if form == "safetensors":
        refuse_given(
            "data_dir", "--data is for comparing the ONNX graph: leave it out with --format safetensors"
        )
    from tiny_cats.export.inputs import with_pictures
    from tiny_cats.export.publish import publisher
    from tiny_cats.export.source import read_source
    from tiny_cats.export.write import export

    upload = publisher(push) if push else None
    source = read_source(model)
    if source.about.ended.startswith("failed"):
        click.echo(f"note: {model}: this run {source.about.ended}", err=True)
    if form != "safetensors":
        pictures = data_dir / source.about.config.get("data", {}).get("root", "")
        source = with_pictures(source, pictures, lambda words: click.echo(f"note: {words}", err=True))
    out = out or EXPORTED / source.about.kind
    about = export(source, out, form)  # type: ignore[arg-type]  # click checked it
    click.echo(f"{out}: {about.kind} {about.preset}, step {about.step}: {', '.join(about.files)}, README.md")
    for name, difference in about.parity.get("largest_difference", {}).items():
        click.echo(f"ONNX Runtime differs from PyTorch by {difference:.1e} at most on {name} inputs")
    if upload:
        click.echo(f"uploaded: {upload(out)}")
    return 0
