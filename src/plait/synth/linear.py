"""A ridge regression on predictors and their products, cross-fitted; a handful of rows of arithmetic to evaluate."""

from __future__ import annotations

import numpy as np

__all__ = ["ABSENT", "FOLDS", "fit_linear", "linear_predictor", "standardised"]

FOLDS = 5
ABSENT = np.float32(-1e31)  # stands for missing; below every number
_CROSSED = 10  # predictors that are multiplied with each other
_RIDGE = 1e-3
_REACH = 5.0  # standard deviations, beyond which a predictor counts no more
_USEFUL = 0.02  # share of the aims' variance that must be explained


def fit_linear(
    standard: np.ndarray, aim: np.ndarray, fold: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Fit on standardised predictors (predictors, rows), for aims (rows, k) with NaN where missing.

    Of ridge regressions with products and without, the one that foretells better. Of more than two aims, two directions are kept.

    Returns:
        The share explained (0 for next to nothing), weights, crossed predictors, their products, and the cross-fitted prediction.
    """
    here = ~np.isnan(aim).any(axis=1)
    nothing = (0.0, np.zeros((1, 1)), np.zeros(0, np.int64), None, np.zeros((1, 1)))
    if here.sum() < 4 * FOLDS:
        return nothing
    z, target, part = standard[:, here].astype(np.float64), aim[here], fold[here]
    base = target.mean(axis=0)
    centred = target - base
    total = (centred**2).sum()
    if not total > 0:
        return nothing
    ones = np.concatenate([np.ones((1, z.shape[1])), z])
    strength = np.abs(z @ (centred / np.maximum(centred.std(axis=0), 1e-12))).max(axis=1)
    crossed = np.sort(np.argsort(-strength, kind="stable")[:_CROSSED])
    i, j = np.triu_indices(len(crossed))
    best: tuple[float, np.ndarray, np.ndarray, bool] | None = None
    for wide in (False, True):
        design = np.concatenate([ones, z[crossed[i]] * z[crossed[j]]]) if wide else ones
        if wide and z.shape[1] < 3 * len(design):
            break
        weights, predicted = _crossfit(design, centred, part)
        error = ((centred - predicted) ** 2).sum()
        if best is None or error < best[0]:
            best = (error, weights, predicted, wide)
    assert best is not None
    error, weights, predicted, wide = best
    if 1 - error / total < _USEFUL:
        return nothing
    if weights.shape[1] > 2:  # the directions in which the prediction varies most
        turn = np.linalg.svd(predicted, full_matrices=False)[2][:2].T
        weights, predicted, base = weights @ turn, predicted @ turn, np.zeros(2)
    products = None
    if wide:
        products = np.zeros((weights.shape[1], len(crossed), len(crossed)))
        products[:, i, j] = weights[len(ones) :].T
        weights = weights[: len(ones)]
    weights[0] += base
    known = np.empty((weights.shape[1], standard.shape[1]), np.float32)
    known[:, here] = (predicted + base).T
    known[:, ~here] = linear_predictor(standard[:, ~here], weights, crossed, products)
    return 1 - float(error / total), weights, crossed, products, known


def linear_predictor(standard: np.ndarray, weights: np.ndarray, crossed: np.ndarray, products: np.ndarray | None) -> np.ndarray:
    """weights on standardised predictors (predictors, rows), and on their products: (outputs, rows) float32."""
    out = weights[1:].T.astype(np.float32) @ standard + weights[0][:, None].astype(np.float32)
    if products is not None:
        part = standard[crossed]
        for output, product in enumerate(products.astype(np.float32)):
            out[output] += np.einsum("ij,ij->j", product @ part, part)
    return out


def standardised(rows: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Standardised rows; what is missing counts as the mean."""
    absent = rows == ABSENT
    with np.errstate(over="ignore"):  # of what is missing
        standard = np.clip((rows - mean[:, None].astype(np.float32)) / spread[:, None].astype(np.float32), -_REACH, _REACH)
    standard[absent] = 0.0
    return standard


def _crossfit(design: np.ndarray, aim: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights from all rows, and each row's prediction from the folds that it is not in."""
    parts = [(design[:, fold == f], aim[fold == f]) for f in range(FOLDS)]
    grams, sides = [d @ d.T for d, _ in parts], [d @ a for d, a in parts]
    gram, side = np.sum(grams, axis=0), np.sum(sides, axis=0)
    predicted = np.empty_like(aim)
    for f, (d, _) in enumerate(parts):
        predicted[fold == f] = d.T @ _solve(gram - grams[f], side - sides[f])
    return _solve(gram, side), predicted


def _solve(gram: np.ndarray, side: np.ndarray) -> np.ndarray:
    penalty = _RIDGE * max(gram[0, 0], 1.0) * np.ones(len(gram))
    penalty[0] = 1e-9
    return np.linalg.solve(gram + np.diag(penalty), side)
