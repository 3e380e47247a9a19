"""`sample`: draw pictures with a trained TinyDiT"""

import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from tiny_cats.commands._progress import amount
from tiny_cats.errors import ExportError


@click.command()
@click.option(
    "--model", type=click.Path(path_type=Path),
    help="A folder that `export` wrote, the one in exported/ if none is named; or a run or checkpoint, "
    "if PyTorch is installed.",
)  # fmt: skip
@click.option(
    "--breed", "breeds", multiple=True, help="What to draw; may be given again. Without it: all, in turn."
)
@click.option("--count", type=click.IntRange(1), default=16, show_default=True, help="Pictures to draw.")
@click.option("--steps", type=click.IntRange(1), default=50, show_default=True, help="From noise to picture.")
@click.option(
    "--solver", type=click.Choice(["euler", "midpoint", "heun"]), default="heun", show_default=True,
    help="midpoint and heun compute the model twice a step, and need fewer of them.",
)  # fmt: skip
@click.option(
    "--guidance", type=click.FloatRange(0, 100),
    help="How much the class is stressed; 1 is as trained, and twice as fast. "
    "[default: sampling.guidance of its training]",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same gives the same.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=16, show_default=True, help="Pictures at a time: memory."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("grid.png"), show_default=True,
    help="NAME.png: all pictures as a grid, with the settings inside. NAME: a folder, one file each.",
)  # fmt: skip
def command(
    model: Path | None,
    breeds: tuple[str, ...],
    count: int,
    steps: int,
    solver: str,
    guidance: float | None,
    seed: int,
    batch_size: int,
    out: Path,
) -> int:
    """Draw pictures of cats.

    \b
    Examples:
      python -m tiny_cats sample --breed Bengal --count 16
      python -m tiny_cats sample --model exported/tinydit --steps 20 --solver euler --seed 7 --out cats.png
      python -m tiny_cats sample --model runs/tinydit-20260301-101500 --breed Bengal --out cats
    """
    from tiny_cats.opening import sampler_from
    from tiny_cats.runtime.draw import draw
    from tiny_cats.runtime.grid import write_each, write_grid

    if out.suffix.lower() not in ("", ".png") and not out.is_dir():
        raise click.UsageError(f"--out {out}: pictures are written as PNG: name a .png file or a folder")
    sampler = sampler_from(model)
    chosen = _classes(breeds, sampler.about.classes, count)
    guidance = guidance_for(guidance, sampler.about.config)
    started = time.monotonic()
    with amount("Drawing", count) as announce:
        pictures = draw(
            sampler,
            chosen,
            steps=steps,
            solver=solver,
            guidance=guidance,
            seed=seed,
            batch_size=batch_size,
            announce=announce,
        )
    settings = {
        "model": f"{sampler.about.preset}, step {sampler.about.step}, {sampler.about.source}",
        "steps": steps,
        "solver": solver,
        "guidance": guidance,
        "seed": seed,
    }
    names = [sampler.about.classes[k] for k in chosen]
    if out.is_dir() or not out.suffix:
        write_each(out, pictures, names, settings)
    else:
        write_grid(out, pictures, {**settings, "classes": ", ".join(names)})
    click.echo(f"{out}: {count} pictures of {sampler.about.size} px in {time.monotonic() - started:.1f} s")
    return 0


def guidance_for(asked: float | None, training: Mapping[str, Any]) -> float:
    """What was asked for, or what training drew with. Raises ExportError: there is nothing to guide from."""
    if training.get("flow", {}).get("label_dropout") == 0:
        if asked not in (None, 1):
            raise ExportError(
                f"--guidance {asked:g}: this model was trained with flow.label_dropout: 0, so it knows no "
                "pictures without a class to lead away from: leave --guidance out"
            )
        return 1.0
    drawn_with: float = training.get("sampling", {}).get("guidance", 1.5)
    return drawn_with if asked is None else asked


def _classes(breeds: Sequence[str], known: Sequence[str], count: int) -> list[int]:
    """The class of each picture: the breeds asked for, in turn. Raises ExportError: an unknown one."""
    by_name = {_plain(name): number for number, name in enumerate(known)}
    chosen = []
    for breed in breeds:
        if _plain(breed) not in by_name:
            near = get_close_matches(_plain(breed), by_name, n=1)
            hint = f"did you mean {known[by_name[near[0]]]}?" if near else f"it knows {', '.join(known)}"
            raise ExportError(f"--breed {breed}: this model does not know it: {hint}")
        chosen.append(by_name[_plain(breed)])
    turn = chosen or range(len(known))
    return [turn[k % len(turn)] for k in range(count)]


def _plain(name: str) -> str:
    """Maine Coon, maine-coon and Maine_Coon are one."""
    return name.casefold().replace(" ", "_").replace("-", "_")
