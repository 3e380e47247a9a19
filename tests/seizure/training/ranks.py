"""What each process of a torchrun does: trains, then writes what it has seen; `python -m … CACHE FOLDER`."""

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
    cache, folder = map(Path, sys.argv[1:])
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
    lines = []
    config = make_config(workers=0)
    result = live(cache, folder, config=config, max_steps=5, say=lines.append)
    rest = live(cache, folder, config=config, max_steps=6, resume=True, say=lines.append)
    seen = {"draws": draws, "losses": result.losses + rest.losses, "val": values, "lines": lines}
    (folder / f"rank-{rank}.json").write_text(json.dumps(seen))
