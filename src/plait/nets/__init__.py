"""Keras networks that fuse several inputs and answer several questions; their merges, and the weights of their losses."""

from plait.nets.fusing import fusion
from plait.nets.loss_weights import weigh_losses
from plait.nets.merging import merge

__all__ = ["fusion", "merge", "weigh_losses"]
