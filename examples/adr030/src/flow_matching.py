"""`flow_matching` as the record's scripts import it."""

from tiny_cats.flow_matching import EMA, FlowMatchingLoss

__all__ = ["EMA", "FlowMatchingLoss"]
