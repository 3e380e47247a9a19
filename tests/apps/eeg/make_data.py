"""Four nights, as .npy; `data` is a link to where the large files lie."""

import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "data")
folder.mkdir(parents=True, exist_ok=True)
for number, name in enumerate(["SC4001 – Zürich", "SC4002", "ST7011_ñandú", "ST7022 夜"]):
    random = np.random.default_rng(number)
    t = np.arange(30 * 100 * 8) / 100
    asleep = (t // 30).astype(int) % 2
    signal = random.normal(size=t.size) + asleep * 6 * np.sin(2 * np.pi * 2 * t)
    np.save(folder / f"{name}.npy", signal.astype(np.float32))
print(f"{len(list(folder.glob('*.npy')))} nights in {folder}")
