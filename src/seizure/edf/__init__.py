"""EDF and EDF+ recordings: headers checked field by field, any part of the samples in microvolts."""

from seizure.edf.reader import Edf, open_edf

__all__ = ["Edf", "open_edf"]
