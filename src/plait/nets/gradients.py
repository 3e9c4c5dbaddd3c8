"""Gradients of several numbers with respect to tensors, inside a training step, on each backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

__all__ = ["gradients"]


def gradients(of: Callable[[Sequence[Any]], list[Any]], at: Sequence[Any]) -> list[list[Any]]:
    """For each scalar that `of` gives, its gradients with respect to each tensor of `at`; zeros where it does not depend on it."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return [list(parts) for parts in jax.jacrev(lambda tensors: list(of(tensors)))(list(at))]
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(persistent=True) as tape:
            tape.watch(at)
            made = of(at)
        return [tape.gradient(one, list(at), unconnected_gradients=tf.UnconnectedGradients.ZERO) for one in made]
    import torch

    with torch.enable_grad():
        held = [tensor.detach().requires_grad_() for tensor in at]
        made = of(held)
        found = [torch.autograd.grad(one, held, retain_graph=True, allow_unused=True) for one in made]
    return [[torch.zeros_like(t) if g is None else g for t, g in zip(held, parts, strict=True)] for parts in found]
