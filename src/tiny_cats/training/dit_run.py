"""A run of TinyDiT, from top to bottom: pictures, training."""

from tiny_cats.config.schema import DitConfig
from tiny_cats.data.dataset import prepare
from tiny_cats.run import Run
from tiny_cats.training.dit_task import DitTask
from tiny_cats.training.loop import train
from tiny_cats.training.places import this_place
from training_kit.randomness import seed_all
from training_kit.tracking import wished_trackers


def train_dit(run: Run[DitConfig]) -> None:
    """Raises CatsError where it cannot train, or what it trained is not good enough."""
    config, say = run.config, run.say
    dataset = prepare(config.data, run.data_dir, say)
    for name in ("train", "val", "test"):
        counts = getattr(dataset, name).counts
        say(f"[DATA] {name}: " + ", ".join(f"{count} {class_}" for class_, count in counts.items()))

    place = this_place()
    seed_all(config.training.seed, place.rank)
    task = DitTask(config, dataset, place)
    train(
        task,
        config.training,
        run.folder,
        place,
        resume=run.resume,
        max_steps=run.max_steps,
        say=say,
        trackers_from=lambda step: wished_trackers(config.tracking, config, run.folder, step, say),
        on_checkpoint=run.on_checkpoint,
    )
