"""Makes a whole corpus: one recording a task, on every core; an interrupted one is continued."""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seizure.errors import CorpusError
from seizure.synth.difficulty import DEFAULT, Difficulty
from seizure.synth.plan import CorpusPlan, RecordingPlan
from seizure.synth.recording import edf_bytes, make_recording
from seizure.workers import worker_pool

MARK = "synthetic.json"  # what the corpus was made with; also says that the folder is ours
FORMAT = 1  # grows whenever the same settings would give other samples

Announce = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Summary:
    root: Path
    files: dict[str, int]  # by partition
    patients: dict[str, int]
    seizures: dict[str, int]
    files_with_seizures: dict[str, int]
    kinds: dict[str, int]  # seizures by label
    hours: float
    seizure_hours: float
    size_bytes: int
    made: int
    kept: int  # recordings that an earlier, interrupted run had finished
    elapsed_s: float


def make_corpus(
    root: Path,
    *,
    train_files: int = 50,
    dev_files: int = 10,
    eval_files: int = 10,
    minutes: float = 6.0,
    seed: int = 0,
    patients: int = 0,
    processes: int = 1,
    difficulty: Difficulty = DEFAULT,
    announce: Announce | None = None,
) -> Summary:
    """Writes a corpus in TUSZ's layout below `root`; each partition with files holds a seizure.

    The bytes follow from the arguments, whatever `processes` (0: one a core) is. `announce` hears
    (recordings done, recordings, recording_id). Raises CorpusError where `root` holds anything else.
    """
    began = time.monotonic()
    asked = CorpusPlan(train_files, dev_files, eval_files, minutes, seed, patients)
    _check(asked)
    plans = asked.recordings(difficulty)
    _check_room(root, sum(edf_bytes(plan) for plan in plans))
    _claim(root, {"format": FORMAT, **asdict(asked), "difficulty": asdict(difficulty)})
    size_bytes = made = 0
    try:
        with closing(_made(root, plans, difficulty, processes)) as finished:
            for done, (plan, (part_bytes, is_new)) in enumerate(finished, start=1):
                size_bytes, made = size_bytes + part_bytes, made + is_new
                if announce:
                    announce(done, len(plans), plan.recording_id)
    except BrokenProcessPool:
        raise CorpusError(
            f"a process that made recordings in {root} was killed (no memory left?): repeat the command to "
            "continue, with --processes 1 where memory is short"
        ) from None
    except OSError as error:
        raise CorpusError(
            f"{error.filename or root} cannot be written ({error.strerror}): repeat the command to continue"
        ) from None
    return _summary(root, plans, size_bytes, made, time.monotonic() - began)


def _check(asked: CorpusPlan) -> None:
    if min(asked.train_files, asked.dev_files, asked.eval_files) < 0:
        raise CorpusError("the number of files of a partition cannot be negative")
    if asked.train_files + asked.dev_files + asked.eval_files == 0:
        raise CorpusError("no recordings asked for: give --train, --dev or --eval a number")
    if not 0.5 <= asked.minutes <= 24 * 60:
        raise CorpusError(f"recordings of {asked.minutes:g} minutes: give --minutes 0.5 to 1440")


def _check_room(root: Path, wanted_bytes: int) -> None:
    """Refuses a corpus that the disk cannot hold; what an interrupted run has made counts as there."""
    have_bytes = sum(path.stat().st_size for path in root.glob("edf/**/*.edf"))
    place = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    free_bytes = shutil.disk_usage(place).free
    if wanted_bytes - have_bytes > free_bytes:
        raise CorpusError(
            f"the corpus takes {wanted_bytes / 1e9:.1f} GB and the disk of {root} has "
            f"{free_bytes / 1e9:.1f} GB: ask for fewer or shorter recordings, or choose another folder"
        )


def _claim(root: Path, settings: dict[str, Any]) -> None:
    """Marks `root` as this corpus, or finds the mark of an interrupted run of the same settings."""
    mark = root / MARK
    settings = json.loads(json.dumps(settings))
    if mark.exists():
        try:
            found = json.loads(mark.read_text())
        except (OSError, ValueError) as error:
            raise CorpusError(f"{mark} cannot be read ({error}): choose another folder") from None
        if not isinstance(found, dict):
            raise CorpusError(f"{mark} is no list of settings: choose another folder")
        if found != settings:
            other = [key for key in settings if found.get(key) != settings[key]]
            raise CorpusError(
                f"{root} holds a synthetic corpus of other settings ({', '.join(other)}): choose another "
                "folder, or give the settings that synthetic.json there states to continue it"
            )
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(entry.name != f".{MARK}.part" for entry in root.iterdir()):
            raise CorpusError(f"{root} is not empty and no synthetic corpus: choose another folder")
        part = root / f".{MARK}.part"
        part.write_text(json.dumps(settings, indent=1) + "\n")
        part.replace(mark)
    except OSError as error:
        raise CorpusError(f"{root} cannot be written ({error.strerror}): choose another folder") from None


def _made(
    root: Path, plans: list[RecordingPlan], difficulty: Difficulty, processes: int
) -> Generator[tuple[RecordingPlan, tuple[int, bool]], None, None]:
    processes = min(processes or len(os.sched_getaffinity(0)), len(plans))
    if processes <= 1:
        yield from ((plan, make_recording(root, plan, difficulty)) for plan in plans)
        return
    with worker_pool(processes) as pool:
        jobs = [pool.submit(make_recording, root, plan, difficulty) for plan in plans]
        for plan, job in zip(plans, jobs, strict=True):
            yield plan, job.result()


def _summary(root: Path, plans: list[RecordingPlan], size_bytes: int, made: int, elapsed_s: float) -> Summary:
    def count(of: Callable[[RecordingPlan], int]) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for plan in plans:
            counts[plan.partition] += of(plan)
        return dict(counts)

    seizures = [seizure for plan in plans for seizure in plan.seizures]
    return Summary(
        root=root,
        files=count(lambda plan: 1),
        patients=dict(Counter(partition for partition, _ in {(p.partition, p.patient) for p in plans})),
        seizures=count(lambda plan: len(plan.seizures)),
        files_with_seizures=count(lambda plan: bool(plan.seizures)),
        kinds=dict(Counter(seizure.label for seizure in seizures)),
        hours=sum(plan.duration_s for plan in plans) / 3600,
        seizure_hours=sum(seizure.duration_s for seizure in seizures) / 3600,
        size_bytes=size_bytes,
        made=made,
        kept=len(plans) - made,
        elapsed_s=elapsed_s,
    )
