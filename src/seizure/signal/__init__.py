"""From recorded channels to a montage at one rate: names, montages, filters, robust scale."""

from seizure.signal.prepare import Prepared, preprocess, preprocess_array

__all__ = ["Prepared", "preprocess", "preprocess_array"]
