"""Normal numbers made of random words by basic operations alone: quick, and the same bytes on every machine."""

from __future__ import annotations

import numpy as np

__all__ = ["normal_pairs"]

# -2 log(1 + f) / f for 1 + f from 1/√2 to √2, cos(π/2 a) and sin(π/2 a) / a for a from -1 to 1, the latter two as polynomials of a²:
# best uniform fits, to 4e-7, 5e-8 and 7e-9.
_LOG = (-2.0, 1.0000068856439548, -0.666712157716097, 0.4994312039238631, -0.39768471902130514, 0.34424855101695245,
        -0.3267628415998626, 0.20757413178819906)  # fmt: skip
_COS = (1.0, -1.2336982146685587, 0.25365074463415216, -0.020810627517447187, 0.0008581906185136357)
_SIN = (1.5707963200919954, -0.6459637612914739, 0.07968992686654604, -0.004674157495875266, 0.00015167853170292394)
_LOG_4 = np.float32(2 * np.log(2))
_ROOT = np.int32(0x3F3504F3)  # the bits of 1/√2
_MANTISSA, _SIGN, _ONE = np.int32(23), np.uint32(31), np.uint32(1)
_HALF, _UNIT = np.float32(0.5), np.float32(2.0**-31)


def normal_pairs(words: np.ndarray, out: np.ndarray) -> None:
    """Two independent standard normal numbers of each random word.

    Box and Muller's method: a radius of 31 bits of the word, up to 6.6, an angle of 31 and a sign of 1. Only operations whose results
    IEEE 754 fixes are used, so processors and versions of NumPy agree to the last bit, which they do not for their own logarithms.

    Args:
        words: (n,) uint64; overwritten.
        out: (2 n,) float32; those of word i are at i and n + i.

    References:
        Box and Muller (1958), "A note on the generation of random normal deviates", Annals of Mathematical Statistics 29.
    """
    n = len(words)
    radius, angle = np.split(words.view(np.uint32), 2)
    sign = angle << _SIGN
    radius >>= _ONE
    x = np.add(radius.view(np.int32), _HALF, dtype=np.float32)  # u 2**31, u uniform in (0, 1]
    bits, exponent = x.view(np.int32), radius.view(np.int32)
    np.subtract(bits, _ROOT, out=exponent)
    exponent >>= _MANTISSA
    scaled = np.left_shift(exponent, _MANTISSA)
    bits -= scaled
    x -= 1
    np.subtract(31, exponent, out=exponent)
    r = _polynomial(x, _LOG, scaled.view(np.float32))
    r *= x
    r += np.multiply(exponent, _LOG_4, dtype=np.float32)
    np.sqrt(r, out=r)
    r_bits = r.view(np.uint32)
    r_bits ^= sign
    a = np.multiply(angle.view(np.int32), _UNIT, out=sign.view(np.float32), dtype=np.float32)
    square = np.multiply(a, a, out=x)
    cosine = _polynomial(square, _COS, out[:n])
    cosine *= r
    sine = _polynomial(square, _SIN, out[n:])
    sine *= a
    sine *= r


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...], out: np.ndarray) -> np.ndarray:
    np.multiply(x, np.float32(coefficients[-1]), out=out)
    for coefficient in coefficients[-2:0:-1]:
        out += np.float32(coefficient)
        out *= x
    out += np.float32(coefficients[0])
    return out
