"""Which files of a corpus are wanted, by its own list of digests, and what of them is here."""

from collections.abc import Sequence
from pathlib import Path

from seizure.fetch import sums
from seizure.fetch.sources import Source
from training_kit import fetch, files
from training_kit.fetch import http


def plan_corpus(
    source: Source,
    folder: Path,
    patients: Sequence[str],
    *,
    address: str = "",
    rehash: bool = False,
    parallel: int = 4,
    observer: fetch.Observer,
    pause_s: float = 1.0,
) -> fetch.Plan:
    """What a fetch into `folder` would do; creates nothing but `folder`, its journal and the list of digests.

    Files that the journal does not vouch for are hashed, with `rehash` all. Raises FetchError.
    """
    address = (address or source.address).rstrip("/") + "/"
    text = fetch.read_text(http.url_of(address, sums.NAME), observer, pause_s)
    digests = sums.parse_sums(text)
    wanted = {path: digests[path] for path in source.select(digests, patients)}
    fetch.make_folder(folder)
    files.write_text(folder / sums.NAME, text)
    return fetch.plan_fetch(
        address, folder, wanted, rehash=rehash, parallel=parallel, observer=observer, pause_s=pause_s
    )
