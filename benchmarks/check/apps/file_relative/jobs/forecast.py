"""Forecasts a time series; everything is found from this file's own folder.

modal run jobs/forecast.py --horizon 6
"""

import json
from pathlib import Path

import modal

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent if modal.is_local() else Path("/root")

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install_from_requirements(str(REPOSITORY / "requirements.txt"))
    .add_local_dir(REPOSITORY / "series", remote_path="/root/series")
    .add_local_file(REPOSITORY / "jobs" / "defaults.json", remote_path="/root/defaults.json")
)
app = modal.App("file-relative", image=image)
forecasts = modal.Volume.from_name("file-relative-forecasts", create_if_missing=True)
DEFAULTS = json.loads((HERE / "defaults.json").read_text())


@app.function(volumes={"/forecasts": forecasts}, cpu=DEFAULTS["cpu"], timeout=DEFAULTS["timeout_s"])
def forecast(name: str, horizon: int) -> list:
    import csv

    import numpy as np

    with (Path(__file__).parent / "series" / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    values = np.array([float(row["value"]) for row in rows])
    slope, start = np.polyfit(np.arange(len(values)), values, 1)
    found = [round(start + slope * (len(values) + step), 2) for step in range(horizon)]
    Path("/forecasts", f"{name}.json").write_text(json.dumps(found))
    forecasts.commit()
    return found


@app.local_entrypoint()
def main(horizon: int = DEFAULTS["horizon"]):
    for name in ("load", "price"):
        print(name, forecast.remote(name, horizon))
