"""Writes train.bin, val.bin and meta.json beside the text, as 16-bit ids."""

import json
import os
from pathlib import Path

import numpy as np

folder = Path(os.path.dirname(os.path.abspath(__file__))) / "shakespeare_char"
folder.mkdir(exist_ok=True)
text = "the cat sat on the mat and the dog sat by the door. " * 400
chars = sorted(set(text))
ids = np.array([chars.index(char) for char in text], dtype=np.uint16)
split = int(0.9 * len(ids))
ids[:split].tofile(folder / "train.bin")
ids[split:].tofile(folder / "val.bin")
(folder / "meta.json").write_text(json.dumps({"chars": chars}))
print(f"train has {split:,} tokens, val has {len(ids) - split:,} tokens")
