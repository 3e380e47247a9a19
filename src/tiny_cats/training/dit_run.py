"""A run of TinyDiT, from top to bottom: pictures, training, judgement, gates."""

from tiny_cats.config.schema import DitConfig
from tiny_cats.evaluation.gates import insist
from tiny_cats.run import Run
from tiny_cats.training.dit_judging import judge_run, refuse_unjudgeable
from tiny_cats.training.dit_task import DitTask
from tiny_cats.training.loop import train_run
from tiny_cats.training.pictures import note_pictures, ready_pictures
from tiny_cats.training.places import this_place
from training_kit.randomness import seed_all


def train_dit(run: Run[DitConfig]) -> None:
    """Raises CatsError where it cannot train, or what it trained is not good enough."""
    config, say = run.config, run.say
    dataset = ready_pictures(config.data, run.data_dir, say, run.is_stopping, run.results_dir)
    note_pictures(run.folder, dataset)

    place = this_place()
    refuse_unjudgeable(config, dataset, place.device)
    seed_all(config.training.seed, place.rank)
    task = DitTask(config, dataset, place)
    result = train_run(run, task, place)

    judged = judge_run(run.folder, config, dataset, place.device, say, run.is_stopping)
    if result.steps < config.training.steps:
        say(f"[GATE] not held to it: {result.steps} of {config.training.steps} steps (go on with --resume)")
    elif config.gates.enforced:
        insist(judged.verdicts)
