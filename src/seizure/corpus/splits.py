"""Which recordings train, which tune, and which are scored once; how a smoke run takes some of each."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from seizure.config.schema import Config, Data
from seizure.corpus.holdout import choose_patients
from seizure.corpus.order import stable_order
from seizure.corpus.recording import Recording
from seizure.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Splits:
    """Disjoint in recordings and in patients; each sorted by recording_id."""

    train: tuple[Recording, ...]
    val: tuple[Recording, ...]
    eval: tuple[Recording, ...]

    def ids(self) -> dict[str, list[str]]:
        """For splits.json: recording_ids by split."""
        return {name: [recording.recording_id for recording in part] for name, part in self.named().items()}

    def named(self) -> dict[str, tuple[Recording, ...]]:
        return {"train": self.train, "val": self.val, "eval": self.eval}


def split(recordings: Sequence[Recording], seizure_s: Mapping[str, float], data: Data) -> Splits:
    """Divides as `data.split` says; `seizure_s` by recording_id, a missing one counts as none.

    Raises CorpusError: a split without recordings, a patient in two, an impossible holdout_val_files.
    """
    train = [recording for recording in recordings if recording.partition in ("train", "")]
    if data.split == "holdout":
        chosen = choose_patients(_patients(train, seizure_s), data.holdout_val_files)
        val = [recording for recording in train if recording.patient in chosen]
        train = [recording for recording in train if recording.patient not in chosen]
    else:
        if not any(recording.partition for recording in recordings):
            raise CorpusError(
                "this corpus has no train, dev and eval folders: "
                "set data.split: holdout and data.holdout_val_files"
            )
        _require_folders(recordings)
        val = [recording for recording in recordings if recording.partition == "dev"]
        train = [recording for recording in train if recording.partition == "train"]
    apart = [recording for recording in recordings if recording.partition == "eval"]
    splits = Splits(tuple(sorted(train)), tuple(sorted(val)), tuple(sorted(apart)))
    _require_disjoint(splits)
    for name, folder in (("train", "train"), ("val", "dev")):
        if not splits.named()[name]:
            raise CorpusError(f"no recordings to {name} with: the corpus has nothing in its {folder} folder")
    return splits


def limit(splits: Splits, seizure_s: Mapping[str, float], train_files: int, val_files: int) -> Splits:
    """At most so many recordings of each split (eval as many as val), half of them with seizures.

    With fewer to choose from, all are taken. Patients take turns, in an order that depends on nothing but
    names. Raises CorpusError where there is no seizure to train or to tune on.
    """
    limited = Splits(
        _pick(splits.train, seizure_s, train_files),
        _pick(splits.val, seizure_s, val_files),
        _pick(splits.eval, seizure_s, val_files),
    )
    for name in ("train", "val"):
        part = limited.named()[name]
        if not any(seizure_s.get(recording.recording_id, 0.0) > 0 for recording in part):
            raise CorpusError(
                f"not one seizure in the {len(splits.named()[name])} {name} recordings to choose from: "
                "see `python -m seizure validate`"
            )
    return limited


def check_total(recordings: Sequence[Recording], config: Config) -> None:
    """Holds what a holdout is to divide to `data.release`: of too few files no whole patients may add up.

    Raises CorpusError, naming the setting to change; a count of another release is for `check_counts`.
    """
    release = config.data.release
    if not release or config.data.split != "holdout":
        return
    found = sum(recording.partition in ("train", "") for recording in recordings)
    expected = config.expect[release]
    if found in {counts.train + counts.val for counts in config.expect.values()}:
        return
    raise CorpusError(
        f"found {found} files to train and validate with, expected {expected.train + expected.val} of "
        f"{release} ({expected.train} and {expected.val}); complete the copy, or set data.holdout_val_files "
        f"and expect.{release} to what yours has"
    )


def check_counts(splits: Splits, config: Config) -> None:
    """Holds a full run to the counts of `data.release`. Raises CorpusError, naming the setting to change."""
    release = config.data.release
    if not release:
        return
    expected = config.expect[release]
    train, val = len(splits.train), len(splits.val)
    if (train, val) == (expected.train, expected.val):
        return
    fits = [name for name, counts in config.expect.items() if (counts.train, counts.val) == (train, val)]
    advice = (
        f"set data.release: {fits[0]}"
        if fits
        else f"complete the copy, or set expect.{release}.train: {train} and expect.{release}.val: {val}"
    )
    raise CorpusError(
        f"found {train} training and {val} validation files, "
        f"expected {expected.train} and {expected.val} of {release}; {advice}"
    )


def _patients(
    recordings: Sequence[Recording], seizure_s: Mapping[str, float]
) -> dict[str, tuple[int, float]]:
    """Files and seconds of seizure of each patient."""
    sums: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for recording in recordings:
        files, seconds = sums[recording.patient]
        sums[recording.patient] = files + 1, seconds + seizure_s.get(recording.recording_id, 0.0)
    return dict(sums)


def _require_folders(recordings: Sequence[Recording]) -> None:
    """An official split must not lose recordings for where they lie."""
    outside = [recording for recording in recordings if not recording.partition]
    if outside:
        raise CorpusError(
            f"{len(outside)} recordings lie in none of the train, dev and eval folders, such as "
            f"{outside[0].path}: move them into one, or out of the corpus"
        )


def _require_disjoint(splits: Splits) -> None:
    for (one, some), (other, more) in combinations(splits.named().items(), 2):
        both = sorted({recording.patient for recording in some} & {recording.patient for recording in more})
        if both:
            named = ", ".join(both[:5]) + (f" and {len(both) - 5} more" if len(both) > 5 else "")
            raise CorpusError(
                f"patients in both {one} and {other}: {named}; scores would be of patients seen in training: "
                "keep each patient's folders in one split"
            )


def _pick(
    recordings: Sequence[Recording], seizure_s: Mapping[str, float], count: int
) -> tuple[Recording, ...]:
    if count >= len(recordings):
        return tuple(recordings)
    known = [one for one in recordings if one.recording_id in seizure_s]
    with_seizures = _in_turns([one for one in known if seizure_s[one.recording_id] > 0])
    without = _in_turns([one for one in known if seizure_s[one.recording_id] <= 0])
    unknown = _in_turns([one for one in recordings if one.recording_id not in seizure_s])
    half = max((count + 1) // 2, count - len(without))
    chosen = with_seizures[:half]
    chosen += (without + with_seizures[half:] + unknown)[: count - len(chosen)]
    return tuple(sorted(chosen))


def _in_turns(recordings: Sequence[Recording]) -> list[Recording]:
    """One recording of each patient, then a second of each, and so on."""
    by_patient: dict[str, deque[Recording]] = defaultdict(deque)
    for recording in sorted(recordings, key=lambda one: stable_order(one.recording_id)):
        by_patient[recording.patient].append(recording)
    queues = [by_patient[patient] for patient in sorted(by_patient, key=stable_order)]
    turns: list[Recording] = []
    while queues:
        turns += [queue.popleft() for queue in queues]
        queues = [queue for queue in queues if queue]
    return turns
