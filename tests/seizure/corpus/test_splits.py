"""Patients are never divided, counts are exact, and a smoke run's pick holds seizures."""

import random
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.config.schema import Config, Data
from seizure.corpus import Recording, Splits, check_counts, check_total, limit, split
from seizure.corpus.holdout import choose_patients
from seizure.errors import CorpusError
from tests.seizure.corpus.made_corpus import recording

OFFICIAL = Data(split="official")


def corpus(files: dict[str, int], partition: str = "train") -> list[Recording]:
    return [
        recording(f"{patient}_s001_t{number:03d}", patient, partition)  # type: ignore[arg-type]
        for patient, count in files.items()
        for number in range(count)
    ]


def tusz_like(seed: int = 0) -> tuple[list[Recording], dict[str, float]]:
    """579 patients with 4667 training files, as many as a copy of TUSZ has; a third have seizures."""
    draw = random.Random(seed)
    weights = [draw.lognormvariate(0, 1.1) for _ in range(579)]
    counts = [max(1, round(4667 * weight / sum(weights))) for weight in weights]
    counts[counts.index(max(counts))] += 4667 - sum(counts)
    recordings = corpus({f"aaaa{number:04d}": count for number, count in enumerate(counts)})
    has_seizures = {r.patient: draw.random() < 0.35 for r in recordings}
    seizure_s = {
        r.recording_id: draw.lognormvariate(4, 1) if has_seizures[r.patient] and draw.random() < 0.5 else 0.0
        for r in recordings
    }
    return recordings, seizure_s


# official


def test_official_folders_are_the_splits() -> None:
    recordings = corpus({"a": 2, "b": 1}) + corpus({"c": 2}, "dev") + corpus({"d": 3}, "eval")
    splits = split(recordings, {}, OFFICIAL)
    assert {name: len(part) for name, part in splits.named().items()} == {"train": 3, "val": 2, "eval": 3}
    assert splits.ids()["val"] == ["c_s001_t000", "c_s001_t001"]


@pytest.mark.parametrize("partition", ["dev", "eval"])
def test_a_patient_in_two_folders_is_an_error_that_names_the_patient(partition: str) -> None:
    recordings = corpus({"a": 2, "b": 1}) + corpus({"c": 1}, "dev") + corpus({"d": 1}, "eval")
    leak = recording("b_s002_t000", "b", partition)  # type: ignore[arg-type]
    with pytest.raises(CorpusError, match=r"patients in both train and \w+: b;"):
        split([*recordings, leak], {}, OFFICIAL)


def test_a_patient_of_eval_in_train_is_an_error_with_a_holdout_too() -> None:
    recordings = [*corpus({"a": 2, "b": 1}), recording("a_s002_t000", "a", "eval")]
    with pytest.raises(CorpusError, match="patients in both"):
        split(recordings, {}, Data(split="holdout", holdout_val_files=1))


def test_a_corpus_without_folders_needs_a_holdout() -> None:
    with pytest.raises(CorpusError, match=r"set data\.split: holdout"):
        split(corpus({"a": 2}, ""), {}, OFFICIAL)
    splits = split(corpus({"a": 2, "b": 1}, ""), {}, Data(split="holdout", holdout_val_files=1))
    assert [r.patient for r in splits.val] == ["b"]
    assert splits.eval == ()


def test_recordings_beside_the_official_folders_are_not_lost() -> None:
    recordings = corpus({"a": 2}) + corpus({"c": 2}, "dev") + corpus({"stray": 3}, "")
    with pytest.raises(CorpusError, match=r"3 recordings lie in none of the train, dev and eval folders"):
        split(recordings, {}, OFFICIAL)


def test_an_empty_folder_is_an_error() -> None:
    with pytest.raises(CorpusError, match="nothing in its dev folder"):
        split(corpus({"a": 2}), {}, OFFICIAL)


# holdout


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_holdout_of_933_of_4667(seed: int) -> None:
    recordings, seizure_s = tusz_like(seed)
    splits = split(recordings, seizure_s, Data(split="holdout", holdout_val_files=933))
    assert (len(splits.train), len(splits.val)) == (3734, 933)
    assert not {r.patient for r in splits.train} & {r.patient for r in splits.val}
    share = sum(seizure_s[r.recording_id] for r in splits.val) / sum(seizure_s.values())
    assert share == pytest.approx(933 / 4667, abs=0.002)
    assert split(recordings[::-1], seizure_s, Data(split="holdout")) == splits


def test_dev_is_not_used_by_a_holdout() -> None:
    recordings = corpus({"a": 2, "b": 1}) + corpus({"c": 1}, "dev")
    splits = split(recordings, {}, Data(split="holdout", holdout_val_files=1))
    assert [r.patient for r in (*splits.train, *splits.val)] == ["a", "a", "b"]


@pytest.mark.parametrize(("files", "near"), [(3, "2 or 4"), (1, "2"), (6, "4"), (100, "4")])
def test_an_impossible_count_names_the_nearest(files: int, near: str) -> None:
    with pytest.raises(
        CorpusError, match=rf"has {files} files exactly.*set data\.holdout_val_files: {near}$"
    ):
        choose_patients({"a": (2, 1.0), "b": (2, 0.0), "c": (2, 0.0)}, files)


def test_one_patient_cannot_be_held_out_of() -> None:
    with pytest.raises(CorpusError, match="two patients at least"):
        choose_patients({"a": (2, 1.0)}, 2)


def test_both_sides_get_seizures_where_they_can() -> None:
    """Two equal patients have the seizures; a fifth of the files is nearer to none of them than to half."""
    patients = {f"p{n}": (1, 100.0 if n < 2 else 0.0) for n in range(10)}
    chosen = choose_patients(patients, 2)
    assert len(chosen & {"p0", "p1"}) == 1


patients_strategy = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.tuples(st.integers(1, 30), st.one_of(st.just(0.0), st.floats(0.01, 1e5))),
    min_size=2,
    max_size=25,
)


@given(patients_strategy, st.data())
def test_a_holdout_divides_no_patient_and_sums_exactly(
    patients: dict[str, tuple[int, float]], data: st.DataObject
) -> None:
    some = data.draw(st.sets(st.sampled_from(sorted(patients)), min_size=1, max_size=len(patients) - 1))
    files = sum(patients[name][0] for name in some)  # so that a solution exists
    seizure_s: dict[str, float] = defaultdict(float)
    recordings = corpus({name: count for name, (count, _) in patients.items()})
    for one in recordings:
        seizure_s[one.recording_id] = patients[one.patient][1] / patients[one.patient][0]
    splits = split(recordings, seizure_s, Data(split="holdout", holdout_val_files=files))
    assert len(splits.val) == files
    assert sorted((*splits.train, *splits.val)) == sorted(recordings)
    assert splits.train
    assert not {r.patient for r in splits.train} & {r.patient for r in splits.val}


# limit


def test_the_smoke_pick_holds_seizures_of_many_patients() -> None:
    """The first N files of the corpus hold none: a predecessor's smoke run took those, and stopped."""
    train = corpus({f"a{n}": 40 for n in range(10)})
    seizure_s = {
        r.recording_id: 10.0 if r.patient >= "a5" and r.recording_id[-1] in "89" else 0.0 for r in train
    }
    assert not any(seizure_s[r.recording_id] for r in train[:50])
    val, apart = corpus({"v": 20}, "dev"), corpus({"e": 20}, "eval")
    seizure_s |= {r.recording_id: 5.0 * (n == 17) for n, r in enumerate(val)}
    splits = Splits(tuple(train), tuple(val), tuple(apart))
    limited = limit(splits, seizure_s, 50, 10)
    assert {name: len(part) for name, part in limited.named().items()} == {"train": 50, "val": 10, "eval": 10}
    assert sum(seizure_s[r.recording_id] > 0 for r in limited.train) == 25
    assert len({r.patient for r in limited.train}) == 10
    assert sum(seizure_s[r.recording_id] for r in limited.val) == 5.0
    assert limited == limit(splits, seizure_s, 50, 10)
    assert set(limited.train) <= set(train)


def test_fewer_recordings_than_asked_are_all_taken() -> None:
    splits = Splits(tuple(corpus({"a": 3})), tuple(corpus({"v": 2}, "dev")), ())
    seizure_s = {"a_s001_t000": 1.0, "v_s001_t001": 1.0}
    assert limit(splits, seizure_s, 50, 10) == splits


def test_few_recordings_without_seizures_are_made_up_for() -> None:
    train = corpus({"a": 10})
    seizure_s = {r.recording_id: 1.0 for r in train[:9]} | {"v_s001_t000": 1.0}
    splits = Splits(tuple(train), tuple(corpus({"v": 1}, "dev")), ())
    assert len(limit(splits, seizure_s, 8, 1).train) == 8


def test_recordings_that_cannot_be_used_are_picked_last() -> None:
    train = corpus({f"a{n}": 1 for n in range(20)})
    seizure_s = {r.recording_id: float(n % 2) for n, r in enumerate(train[:10])} | {"v_s001_t000": 1.0}
    splits = Splits(tuple(train), tuple(corpus({"v": 1}, "dev")), ())
    assert {r.recording_id for r in limit(splits, seizure_s, 10, 1).train} == set(seizure_s) - {"v_s001_t000"}


@pytest.mark.parametrize("name", ["train", "val"])
def test_not_one_seizure_stops_the_run(name: str) -> None:
    splits = Splits(tuple(corpus({"a": 3})), tuple(corpus({"v": 2}, "dev")), ())
    seizure_s = {"a_s001_t000": 1.0, "v_s001_t001": 1.0}
    del seizure_s["a_s001_t000" if name == "train" else "v_s001_t001"]
    with pytest.raises(CorpusError, match=f"not one seizure in the . {name} recordings"):
        limit(splits, seizure_s, 2, 1)


# counts


def config(release: str) -> Config:
    expect = {"tusz-4667": {"train": 4, "val": 1}, "tusz-4664": {"train": 3, "val": 1}}
    return Config.model_validate(
        {"name": "x", "kind": "full", "data": {"release": release}, "expect": expect if release else {}}
    )


def test_counts_that_fit() -> None:
    splits = Splits(tuple(corpus({"a": 4})), tuple(corpus({"v": 1}, "dev")), ())
    check_counts(splits, config("tusz-4667"))
    check_counts(splits, config(""))


def test_counts_of_another_release_name_it() -> None:
    splits = Splits(tuple(corpus({"a": 3})), tuple(corpus({"v": 1}, "dev")), ())
    with pytest.raises(CorpusError) as caught:
        check_counts(splits, config("tusz-4667"))
    assert str(caught.value) == (
        "found 3 training and 1 validation files, expected 4 and 1 of tusz-4667; set data.release: tusz-4664"
    )


def test_counts_of_no_release_name_the_setting() -> None:
    splits = Splits(tuple(corpus({"a": 2})), tuple(corpus({"v": 1}, "dev")), ())
    with pytest.raises(CorpusError, match=r"set expect\.tusz-4667\.train: 2 and expect\.tusz-4667\.val: 1"):
        check_counts(splits, config("tusz-4667"))


def test_a_holdout_of_a_corpus_of_another_size_is_refused_before_it_is_divided() -> None:
    holdout = config("tusz-4667")
    data = holdout.data.model_copy(update={"split": "holdout"})
    holdout = holdout.model_copy(update={"data": data})
    dev = corpus({"v": 9}, "dev")
    check_total([*corpus({"a": 5}), *dev], holdout)
    check_total([*corpus({"a": 4}), *dev], holdout)  # the other release's: check_counts names it
    check_total([*corpus({"a": 3}), *dev], config("tusz-4667"))  # official folders
    with pytest.raises(CorpusError) as caught:
        check_total([*corpus({"a": 3}), *dev], holdout)
    assert str(caught.value) == (
        "found 3 files to train and validate with, expected 5 of tusz-4667 (4 and 1); complete the copy, or "
        "set data.holdout_val_files and expect.tusz-4667 to what yours has"
    )
