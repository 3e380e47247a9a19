"""Bad input the whole way: one corpus with a fault in each recording, through validate, train and predict.

What each kind of input comes to stands in the two tables: left out with a fault that skipped.tsv names, or
used, and the mending said. No seizure may vanish in between without a word.
"""

import json
import re
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seizure.cache import open_index
from seizure.cache.shard import ShardInfo
from seizure.commands import run
from seizure.corpus import read_skipped
from seizure.signal.channels import REFERENTIAL19
from tests.seizure.corpus.made_corpus import HEADER, csv_bi
from tests.seizure.edf.raw_edf import RawEdf, RawSignal
from tests.seizure.predict.conftest import make_model

CONFIG = Path(__file__).parents[2] / "configs/tusz_train_local.yaml"
SECONDS, RATE_HZ = 30, 256
LABELS = tuple(f"EEG {name.upper()}-REF" for name in REFERENTIAL19)
SEIZURE = "TERM,10.0,18.0,seiz,1.0"
SEIZURE_S = 8.0

Change = Callable[[RawEdf], object]


def recording(seed: int, seconds: int = SECONDS) -> RawEdf:
    """Noise on 19 channels."""
    noise = np.random.default_rng(seed).normal(0, 200, (19, seconds * RATE_HZ)).clip(-990, 990)
    signals = [RawSignal(label, x.astype(np.int16), RATE_HZ) for label, x in zip(LABELS, noise, strict=True)]
    return RawEdf(signals, n_records=str(seconds))


def rename(edf: RawEdf, name: Callable[[str], str]) -> None:
    for signal in edf.signals:
        signal.label = name(signal.label)


def at_rate(edf: RawEdf, samples: int, record_s: str = "1", n_records: int = SECONDS) -> None:
    edf.n_records, edf.duration = str(n_records), record_s
    for signal in edf.signals:
        signal.samples, signal.digital = samples, signal.digital[: samples * n_records]


def flatten(edf: RawEdf, count: int) -> None:
    for signal in edf.signals[:count]:
        signal.digital = np.zeros_like(signal.digital)


def no_number(edf: RawEdf) -> None:
    edf.signals[3].physical = ("NaN", "100")


def add(edf: RawEdf, *more: RawSignal) -> None:
    edf.signals.extend(more)


def one_hz(label: str) -> RawSignal:
    return RawSignal(label, np.zeros(SECONDS, np.int16), 1)


# what is wrong with the EDF file -> the fault that leaves it out
EDF_FAULTS: dict[str, tuple[Change, str]] = {
    "empty file": (lambda edf: None, "not-edf"),
    "header lies about its length": (lambda edf: setattr(edf, "header_bytes", "512"), "header-length"),
    "half of the data": (lambda edf: setattr(edf, "n_records", str(2 * SECONDS)), "truncated"),
    "zero records": (lambda edf: at_rate(edf, RATE_HZ, n_records=0), "no-records"),
    "records of no number": (lambda edf: setattr(edf, "n_records", "many"), "header-field"),
    "two channels of one name": (
        lambda edf: add(edf, replace(edf.signals[0], digital=edf.signals[1].digital)),
        "duplicate-channels",
    ),
    "unknown names": (lambda edf: rename(edf, lambda label: f"X{label[4:]}"), "missing-channels"),
    "EEG at 1 Hz": (lambda edf: at_rate(edf, 1), "rate"),
    "flat signals": (lambda edf: flatten(edf, 19), "flat-signal"),
    "NaN signals": (no_number, "nan-signal"),
}
# what is odd about it -> the notice of a recording that is used all the same; "": not worth one
EDF_ODDITIES: dict[str, tuple[Change, str]] = {
    "1 Hz channels beside": (lambda edf: add(edf, one_hz("IBI"), one_hz("BURSTS")), ""),
    "the same channel twice": (lambda edf: add(edf, edf.signals[0]), "duplicate-channels"),
    "a rate that is no integer": (lambda edf: at_rate(edf, 500, "1.5", 15), ""),
    "one flat channel": (lambda edf: flatten(edf, 1), "flat-signal"),
    "malformed date": (lambda edf: setattr(edf, "date", "31.02.04"), "malformed-date"),
    "other names, other reference": (
        lambda edf: rename(edf, lambda label: label.replace("T3-", "T7-").replace("REF", "LE")),
        "",
    ),
}
ANNOTATION_FAULTS: dict[str, tuple[str | None, str]] = {
    "no annotations": (None, "no-annotations"),
    "beyond the end": (csv_bi("TERM,10.0,45.0,seiz,1.0"), "beyond-end"),
    "an unknown label": (csv_bi("TERM,10.0,18.0,seizure?,1.0"), "unknown-label"),
    "a malformed line": (csv_bi(SEIZURE, "TERM,20.0,2"), "malformed-annotations"),
    "a time that is no number": (csv_bi("TERM,ten,18.0,seiz,1.0"), "malformed-annotations"),
    "stops before it starts": (csv_bi("TERM,18.0,10.0,seiz,1.0"), "malformed-annotations"),
    "no header line": (csv_bi(SEIZURE).replace(HEADER, "# gone"), "malformed-annotations"),
}
# the seizures keep their 8 s
ANNOTATION_ODDITIES: dict[str, tuple[str, str]] = {
    "unsorted": (csv_bi("TERM,15.0,18.0,seiz,1.0", "TERM,10.0,15.0,seiz,1.0"), "unsorted"),
    "overlapping": (csv_bi("TERM,10.0,16.0,seiz,1.0", "TERM,12.0,18.0,seiz,1.0"), "overlapping"),
    "columns in another order": (
        csv_bi("seiz,TERM,10.0,18.0,1.0").replace(HEADER, "label,channel,start_time,stop_time,confidence"),
        "",
    ),
    "half a second beyond the end": (csv_bi("TERM,22.0,30.5,seiz,1.0"), "beyond-end"),
}
LEFT_OUT = {name: fault for name, (_, fault) in {**EDF_FAULTS, **ANNOTATION_FAULTS}.items()}
USED = {name: notice for name, (_, notice) in {**EDF_ODDITIES, **ANNOTATION_ODDITIES}.items()}
NAMES = (*LEFT_OUT, *USED)


def id_of(name: str) -> str:
    return f"aaaa{NAMES.index(name):04d}_s001_t000"


def write(root: Path, recording_id: str, edf: RawEdf, annotations: str | None, partition: str) -> Path:
    folder = root / "edf" / partition / recording_id[:8] / "s001_2010" / "01_tcp_ar"
    folder.mkdir(parents=True)
    path = edf.write(folder / f"{recording_id}.edf")
    if annotations is not None:
        path.with_suffix(".csv_bi").write_text(annotations)
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording for each line of the tables, and one that is good in each of train and dev."""
    root = tmp_path_factory.mktemp("bad")
    edf_changes = {**EDF_FAULTS, **EDF_ODDITIES}
    texts = {**ANNOTATION_FAULTS, **ANNOTATION_ODDITIES}
    for seed, name in enumerate(NAMES):
        edf = recording(seed)
        if name in edf_changes:
            edf_changes[name][0](edf)
        path = write(root, id_of(name), edf, texts[name][0] if name in texts else csv_bi(SEIZURE), "train")
        if name == "empty file":
            path.write_bytes(b"")
    for patient, partition in (("goodaaaa", "train"), ("goodaaab", "dev")):
        write(root, f"{patient}_s001_t000", recording(99, 90), csv_bi(SEIZURE), partition)
    return root


@pytest.fixture(scope="module")
def validated(corpus: Path) -> dict[str, SimpleNamespace]:
    status, out, _ = typed("validate", corpus, "--signals", "--json")
    assert status == 1
    return {one["recording_id"]: SimpleNamespace(**one) for one in json.loads(out)["recordings"]}


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One step of training, in a process of its own as always: its folder, cache and lines."""
    results = tmp_path_factory.mktemp("results")
    few = "model.preset=tiny,training.steps=1,training.batch_size=1,training.workers=0,cache.processes=1"
    full = f"data.split=official,data.release='',tracking.tensorboard=false,{few}"
    status, out, err = typed("train", CONFIG, "--data", corpus, "--results", results, "--set", full)
    (folder,) = (results / "runs").iterdir()
    assert status == 0, out + err + (folder / "run.log").read_text()
    (cache,) = (path for path in (results / "cache/tusz").iterdir() if path.is_dir())
    return SimpleNamespace(
        folder=folder, shards=open_index(cache).by_id, said=(folder / "run.log").read_text()
    )


@pytest.fixture(scope="module")
def predicted(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("predicted")
    model = make_model(folder / "model.pt", "referential19")
    status, out, err = typed("predict", corpus / "edf/train", "--model", model, "--json")
    return SimpleNamespace(status=status, err=err, **json.loads(out))


def typed(*arguments: object) -> tuple[int, str, str]:
    with ExitStack() as stack:
        out, err = (stack.enter_context(to(StringIO())) for to in (redirect_stdout, redirect_stderr))
        status = run([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


def notices_of(shard: ShardInfo) -> set[str]:
    return {notice.fault.value for notice in (*shard.notices, *shard.annotation_notices)}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_validate_names_what_training_would_leave_out(validated, name):
    assert [fault for fault, _ in validated[id_of(name)].faults] == [LEFT_OUT[name]]


@pytest.mark.parametrize("name", USED)
def test_validate_says_what_was_mended(validated, name):
    assert validated[id_of(name)].faults == []
    assert [fault for fault, _ in validated[id_of(name)].notices] == ([USED[name]] if USED[name] else [])


@pytest.mark.parametrize("name", LEFT_OUT)
def test_training_leaves_it_out_with_a_reason(trained, name):
    skipped = {one.recording_id: one for one in read_skipped(trained.folder / "skipped.tsv")}
    assert skipped[id_of(name)].fault.value == LEFT_OUT[name]
    assert skipped[id_of(name)].detail
    assert id_of(name) not in trained.shards


@pytest.mark.parametrize("name", USED)
def test_training_uses_it_with_every_second_of_its_seizures(trained, name):
    shard = trained.shards[id_of(name)]
    assert shard.seizure_s == SEIZURE_S
    assert notices_of(shard) == ({USED[name]} if USED[name] else set())
    assert shard.rate_hz == 256 and len(shard.channels) == 19


def test_all_that_is_lost_is_in_the_summary(trained):
    assert len(read_skipped(trained.folder / "skipped.tsv")) == len(LEFT_OUT)
    first, last = 1, len(LEFT_OUT) + len(USED) + 1
    assert f"[DATA] Processing file {first}/{last}: " in trained.said
    assert f"[DATA] Processing file {last}/{last}: " in trained.said
    assert f"[DATA] Processed {last} train files: {len(USED) + 1} built, 0 there already, " in trained.said
    lost = f"with {len(EDF_FAULTS)} seizures of {len(EDF_FAULTS) * SEIZURE_S:.0f} s"
    unknown = f"and whatever {len(ANNOTATION_FAULTS)} without usable annotations hold"
    assert re.search(rf"left out: {len(LEFT_OUT)} recordings \(.*\) {lost}, {unknown}", trained.said)
    assert f"[DATA] {len(LEFT_OUT)} recordings left out (1 beyond-end, 1 duplicate-channels, " in trained.said


@pytest.mark.parametrize("name", EDF_FAULTS)
def test_predict_names_what_it_cannot_read(predicted, name):
    failed = {Path(one["recording"]).stem: one["fault"] for one in predicted.failed}
    assert failed[id_of(name)] == EDF_FAULTS[name][1]
    assert predicted.status == 1
    assert f"{id_of(name)}.edf: {EDF_FAULTS[name][1]}: " in predicted.err


@pytest.mark.parametrize("name", [name for name in NAMES if name not in EDF_FAULTS])
def test_predict_takes_the_rest_whatever_the_annotations(predicted, name):
    (one,) = (one for one in predicted.recordings if Path(one["recording"]).stem == id_of(name))
    assert one["duration_s"] == pytest.approx(22.5 if "no integer" in name else SECONDS)
    odd = EDF_ODDITIES.get(name, (None, ""))[1]
    assert [notice.partition(":")[0] for notice in one["notices"]] == ([odd] if odd else [])


@pytest.mark.parametrize("command", ["train", "build-cache"])
def test_annotations_without_a_seizure_stop_the_run(tmp_path, command):
    background = csv_bi("TERM,0.0,30.0,bckg,1.0")
    for patient, partition in (("aaaaaaaa", "train"), ("aaaaaaab", "dev")):
        write(tmp_path / "data", f"{patient}_s001_t000", recording(0), background, partition)
    status, out, err = typed(
        *(command, CONFIG, "--data", tmp_path / "data", "--results", tmp_path / "results"),
        *("--set", "data.split=official,data.release=''"),
    )
    said = out + err + "".join(log.read_text() for log in tmp_path.glob("results/runs/*/run.log"))
    assert status == 1
    assert "error: " in said and "not one seizure in the annotations of 2 recordings" in said
    assert not (tmp_path / "results/cache").exists()
