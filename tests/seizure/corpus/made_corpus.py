"""Small corpora for the tests: EDF files of a few bytes a second, annotations as the tests want them."""

from collections.abc import Sequence
from pathlib import Path

from seizure.corpus.recording import Partition, Recording

HEADER = "channel,start_time,stop_time,label,confidence"
START_TIME = "19.39.33"


def write_edf(
    path: Path,
    seconds: int = 600,
    start_time: str = START_TIME,
    labels: Sequence[str] = ("EEG FP1-REF",),
    samples: int = 1,
) -> Path:
    """An EDF file of flat signals, `samples` a second; all numbers of the header true."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(labels)
    fixed = [
        "0",
        "X",
        "Startdate 01-JAN-2010",
        "01.01.10",
        start_time,
        256 * (count + 1),
        "",
        seconds,
        1,
        count,
    ]
    widths = [8, 80, 80, 8, 8, 8, 44, 8, 8, 4]
    columns = [(16, labels), (80, [""] * count), (8, ["uV"] * count), (8, [-100] * count), (8, [100] * count)]
    columns += [(8, [-32768] * count), (8, [32767] * count), (80, [""] * count), (8, [samples] * count)]
    columns += [(32, [""] * count)]
    text = "".join(str(value).ljust(width) for value, width in zip(fixed, widths, strict=True))
    text += "".join(str(value).ljust(width) for width, values in columns for value in values)
    path.write_bytes(text.encode("ascii") + bytes(2 * count * samples * seconds))
    return path


def csv_bi(*rows: str, duration_s: float = 600) -> str:
    head = [
        "# version = csv_v1.0.0",
        "# bname = x",
        f"# duration = {duration_s:.2f} secs",
        "# montage_file = m",
        "#",
    ]
    return "\n".join([*head, HEADER, *rows]) + "\n"


def add_tusz(
    root: Path,
    partition: str,
    patient: str,
    number: int = 0,
    rows: Sequence[str] = ("TERM,0.0000,600.0000,bckg,1.0000",),
    seconds: int = 600,
) -> Path:
    """One recording with .csv_bi in TUSZ's layout; the EDF's path."""
    stem = f"{patient}_s001_t{number:03d}"
    edf = write_edf(root / "edf" / partition / patient / "s001_2010" / "01_tcp_ar" / f"{stem}.edf", seconds)
    edf.with_suffix(".csv_bi").write_text(csv_bi(*rows, duration_s=seconds))
    return edf


def recording(name: str, patient: str, partition: Partition = "train") -> Recording:
    """A recording without files, for what needs none."""
    return Recording(name, Path(f"/corpus/{name}.edf"), patient, "tusz", partition)
