"""What each process of a torchrun does: trains, writes what it has seen; `python -m … CACHE FOLDER STOP`."""

import json
import os
import sys
import warnings
from pathlib import Path

from tests.seizure.training.life import live, make_config

if __name__ == "__main__":
    from seizure.cache.windows import WindowSampler
    from seizure.training import loop

    warnings.simplefilter("error")
    cache, folder, stop_at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    rank, draws, values = int(os.environ["RANK"]), [], []

    class Watched(WindowSampler):
        def __next__(self):
            batch = super().__next__()
            draws.append(int(batch.q_BCT.sum(dtype="int64")))
            return batch

    def watched_loss(*arguments):
        values.append(real_loss(*arguments))
        return values[-1]

    real_loss, loop.validation_loss = loop.validation_loss, watched_loss
    loop.WindowSampler = Watched
    lines, stop = [], int(stop_at)
    result = live(
        cache, folder, config=make_config(workers=0), max_steps=stop, resume=stop > 5, say=lines.append
    )
    seen = {"draws": draws, "losses": result.losses, "val": values, "lines": lines}
    (folder / f"rank-{rank}-{stop}.json").write_text(json.dumps(seen))
