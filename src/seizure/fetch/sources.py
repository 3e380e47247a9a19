"""The corpora that can be fetched, where they lie, and how their files are named."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from training_kit.errors import FetchError


@dataclass(frozen=True, slots=True)
class Source:
    """An open corpus. A patient is a folder below its address."""

    name: str
    title: str
    address: str  # ends in /; SHA256SUMS.txt lies there
    patient: str  # pattern of a patient's folder
    licence: str

    def patients(self, paths: Iterable[str]) -> list[str]:
        """The patients whose files are among `paths`, sorted."""
        folders = {path.partition("/")[0] for path in paths if "/" in path}
        return sorted(folder for folder in folders if re.fullmatch(self.patient, folder))

    def select(self, paths: Iterable[str], patients: Iterable[str]) -> list[str]:
        """The files of these patients and those of no patient (all where none is named), sorted."""
        paths, wanted = sorted(paths), set(patients)
        known = self.patients(paths)
        if strangers := sorted(wanted - set(known)):
            raise FetchError(
                f"{self.title} has no patient {', '.join(strangers)}: it has {known[0]} to {known[-1]}"
                if known
                else f"the list of {self.title}'s files names no patients: is its address right?"
            )
        others = set(known) - wanted if wanted else set()
        return [path for path in paths if path.partition("/")[0] not in others]


SOURCES = {
    source.name: source
    for source in (
        Source(
            "chbmit",
            "the CHB-MIT Scalp EEG Database",
            "https://physionet.org/files/chbmit/1.0.0/",
            r"chb\d\d",
            "Open Data Commons Attribution License v1.0",
        ),
        Source(
            "siena",
            "the Siena Scalp EEG Database",
            "https://physionet.org/files/siena-scalp-eeg/1.0.0/",
            r"PN\d\d",
            "Creative Commons Attribution 4.0",
        ),
    )
}
