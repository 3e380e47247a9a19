"""EDF and EDF+ recordings: headers checked field by field, samples read by memory map, in microvolts."""

from seizure.edf.reader import Edf, open_edf

__all__ = ["Edf", "open_edf"]
