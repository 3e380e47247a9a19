"""TUSZ's two annotation files of a recording: `.csv_bi` for the whole head, `.csv` for each channel pair."""

from collections.abc import Sequence

from seizure.synth.head import PAIRS
from seizure.synth.plan import RecordingPlan
from seizure.synth.seizures import Shape, pair_onsets

Span = tuple[float, float, str]  # start and stop in seconds, seizure type


def csv_bi(plan: RecordingPlan) -> str:
    spans = [(seizure.start_s, seizure.stop_s, "seiz") for seizure in plan.seizures]
    return _head(plan) + "".join(_rows("TERM", spans, plan.duration_s))


def csv(plan: RecordingPlan, shapes: Sequence[Shape]) -> str:
    onsets = [pair_onsets(shape) for shape in shapes]
    text = _head(plan)
    for pair in PAIRS:
        if plan.montage == "03_tcp_ar_a" and "A" in (pair[0][0], pair[1][0]):  # no ears there
            continue
        spans = [
            (seen[pair], shape.seizure.stop_s, shape.seizure.label)
            for shape, seen in zip(shapes, onsets, strict=True)
            if pair in seen
        ]
        text += "".join(_rows(f"{pair[0]}-{pair[1]}".upper(), spans, plan.duration_s))
    return text


def _head(plan: RecordingPlan) -> str:
    return (
        "# version = csv_v1.0.0\n"
        f"# bname = {plan.recording_id}\n"
        f"# duration = {plan.duration_s:.4f} secs\n"
        "# montage_file = $NEDC_NFC/lib/nedc_eas_default_montage.txt\n"
        "#\n"
        "channel,start_time,stop_time,label,confidence\n"
    )


def _rows(channel: str, spans: Sequence[Span], duration_s: float) -> list[str]:
    """The channel's whole time, background between the seizures, without empty rows."""
    rows: list[Span] = []
    at_s = 0.0
    for start_s, stop_s, label in spans:
        rows += [(at_s, start_s, "bckg"), (start_s, stop_s, label)]
        at_s = stop_s
    rows.append((at_s, duration_s, "bckg"))
    return [f"{channel},{a:.4f},{b:.4f},{label},1.0000\n" for a, b, label in rows if b - a > 5e-5]
