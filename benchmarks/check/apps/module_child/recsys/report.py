import json
from pathlib import Path


def best_run(folder):
    rows = {
        path.parent.name: json.loads(path.read_text())["rmse"] for path in Path(folder).rglob("metrics.json")
    }
    return min(rows, key=rows.get)
