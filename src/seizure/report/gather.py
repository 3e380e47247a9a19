"""Reads a run's folder, and the cache it names, into `RunFacts`. What is missing is said, and no error."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from seizure.cache.index import Index, open_index
from seizure.cache.key import cache_key
from seizure.config import Resolved, load_resolved
from seizure.corpus.skipped import read_skipped
from seizure.errors import SeizureError
from seizure.report.facts import CacheFigures, Check, RunFacts, Series, SplitData
from seizure.report.scores import read_scores
from seizure.report.signals import CacheSignals, bytes_on_disk
from training_kit.files import read_json
from training_kit.metrics import read_metrics

SPLITS = ("train", "val", "eval")
MARK = "synthetic.json"  # lies in the root of a corpus that `seizure.synth` made


def gather(folder: Path) -> RunFacts:
    """All that a report shows. Raises ConfigError where `folder` is no run's folder."""
    missing: list[str] = []
    resolved = load_resolved(folder / "config.json")
    state = read_json(folder / "state.json")
    said = read_json(folder / "splits.json")
    splits = {name: said[name] for name in SPLITS if isinstance(said.get(name), list)}
    cache_folder = _cache_folder(folder, resolved)
    index = _open(cache_folder, missing)
    checks, verification_words = _verification(folder)
    lines = read_metrics(folder / "metrics.jsonl")
    scores = tuple(
        scored for split in ("val", "eval") if (scored := read_scores(folder, split, missing)) is not None
    )
    return RunFacts(
        folder=folder,
        name=folder.name,
        resolved=resolved,
        state=state,
        started=_started(folder),
        checks=checks,
        verification_words=verification_words,
        scores=scores,
        loss=_series(lines, "loss"),
        val_loss=_series(lines, "val_loss"),
        learning_rate=_series(lines, "lr"),
        windows_a_s=_series(lines, "windows_a_s"),
        loader_share=_series(lines, "loader_share"),
        splits=tuple(_split_data(name, splits[name], index) for name in splits if splits[name]),
        skipped=_skipped(folder, missing),
        cache=_cache_figures(cache_folder, index, splits),
        signals=CacheSignals(index) if index.shards else None,
        is_synthetic=_is_synthetic(said),
        missing=tuple(missing),
    )


def _started(folder: Path) -> str:
    """From the folder's name, <name>-<YYYYmmdd-HHMMSS>; "" where it was renamed."""
    parts = folder.name.split("-")
    for first in range(len(parts) - 1):
        try:
            moment = datetime.strptime("-".join(parts[first : first + 2]), "%Y%m%d-%H%M%S")
        except ValueError:
            continue
        return moment.strftime("%Y-%m-%d %H:%M:%S")
    return ""


def _cache_folder(folder: Path, resolved: Resolved) -> Path:
    results = folder.resolve().parents[1]
    here = results / resolved.config.cache.dir / cache_key(resolved.config.preprocessing)
    said = str(read_json(folder / "ready.json").get("cache", ""))
    return here if here.is_dir() or not said else Path(said)


def _open(cache_folder: Path, missing: list[str]) -> Index:
    try:
        index = open_index(cache_folder)
    except SeizureError as error:
        missing.append(f"The cache cannot be read: {error}")
        return Index(cache_folder, ())
    if not index.shards:
        missing.append(
            f"The cache {cache_folder} is empty or not here, so there are no pictures of EEG and no figures "
            "of the data; run build-cache and report again."
        )
    return index


def _verification(folder: Path) -> tuple[tuple[Check, ...], str]:
    found = read_json(folder / "verification.json")
    findings = found.get("findings", ())
    if not findings or not isinstance(findings, list):
        return (), "The run has not been verified: that happens when it ends, from its log."
    checks = tuple(
        Check(
            str(one.get("what", "")),
            str(one.get("expected", "")),
            str(one.get("seen", "")),
            str(one.get("verdict", "")),
            str(one.get("advice", "")),
        )
        for one in findings
    )
    return checks, str(found.get("ending", ""))


def _series(lines: Sequence[Mapping[str, Any]], key: str) -> Series:
    return [
        (int(line["step"]), float(line[key]))
        for line in lines
        if "step" in line and line.get(key) is not None
    ]


def _split_data(name: str, ids: Sequence[str], index: Index) -> SplitData:
    shards = [index.by_id[one] for one in ids if one in index.by_id]
    if not shards:
        return SplitData(name, len(ids), None, None, None, None, cached=0)
    return SplitData(
        name,
        len(ids),
        len({shard.patient for shard in shards}),
        sum(shard.duration_s for shard in shards) / 3600,
        sum(len(shard.seizures) for shard in shards),
        sum(shard.seizure_s for shard in shards),
        cached=len(shards),
    )


def _skipped(folder: Path, missing: list[str]) -> tuple[tuple[str, str, str], ...]:
    path = folder / "skipped.tsv"
    if not path.exists():
        return ()
    try:
        return tuple((one.recording_id, one.fault.value, one.detail) for one in read_skipped(path))
    except SeizureError as error:
        missing.append(str(error))
        return ()


def _cache_figures(
    cache_folder: Path, index: Index, splits: Mapping[str, Sequence[str]]
) -> CacheFigures | None:
    wanted = {recording_id for ids in splits.values() for recording_id in ids}
    shards = [shard for shard in index.shards if shard.recording_id in wanted]
    if not shards:
        return None
    hours = sum(shard.duration_s for shard in shards) / 3600
    by_error = sorted(shards, key=lambda shard: (shard.rms_error_uv, shard.recording_id))
    clipped = max(shards, key=lambda shard: (shard.clipped_share, shard.recording_id))
    notices = Counter(fault for shard in shards for fault in {notice.fault.value for notice in shard.notices})
    return CacheFigures(
        folder=str(cache_folder),
        shards=len(shards),
        bytes=bytes_on_disk([shard.path for shard in shards]),
        hours=hours,
        clipped_share=sum(s.clipped_share * s.duration_s for s in shards) / max(hours * 3600, 1e-9),
        worst_clipped=(clipped.recording_id, clipped.clipped_share),
        rms_error_uv=by_error[len(by_error) // 2].rms_error_uv,
        worst_error_uv=(by_error[-1].recording_id, by_error[-1].rms_error_uv),
        notices=dict(notices.most_common()),
    )


def _is_synthetic(splits: Mapping[str, Any]) -> bool:
    """Said in splits.json, or by the mark above the recordings where they are at hand."""
    if "synthetic" in splits:
        return bool(splits["synthetic"])
    paths = splits.get("paths", {})
    first = Path(next(iter(paths.values()), "")) if isinstance(paths, dict) else Path()
    return any((parent / MARK).exists() for parent in list(first.parents)[:8])
