"""d', and the quantile of the normal distribution behind it.

AllenSDK takes the quantile from SciPy, which has it from Cephes (Moshier 1989). These are the same polynomials,
evaluated in the same order, so that d' is the same to the last bit; `statistics.NormalDist` differs in the last two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_SLIDING_WINDOW = 100
_LOWEST = 1 / _SLIDING_WINDOW
_HIGHEST = 1 - 1 / _SLIDING_WINDOW
"""Rates are kept within these: d' would be infinite otherwise."""

_SQRT_2_PI = 2.50662827463100050242e0
_EXP_MINUS_2 = 0.13533528323661269189

_CENTRE_P = (
    -5.99633501014107895267e1,
    9.80010754185999661536e1,
    -5.66762857469070293439e1,
    1.39312609387279679503e1,
    -1.23916583867381258016e0,
)
_CENTRE_Q = (
    1.0,
    1.95448858338141759834e0,
    4.67627912898881538453e0,
    8.63602421390890590575e1,
    -2.25462687854119370527e2,
    2.00260212380060660359e2,
    -8.20372256168333339912e1,
    1.59056225126211695515e1,
    -1.18331621121330003142e0,
)
_TAIL_P = (
    4.05544892305962419923e0,
    3.15251094599893866154e1,
    5.71628192246421288162e1,
    4.40805073893200834700e1,
    1.46849561928858024014e1,
    2.18663306850790267539e0,
    -1.40256079171354495875e-1,
    -3.50424626827848203418e-2,
    -8.57456785154685413611e-4,
)
_TAIL_Q = (
    1.0,
    1.57799883256466749731e1,
    4.53907635128879210584e1,
    4.13172038254672030440e1,
    1.50425385692907503408e1,
    2.50464946208309415979e0,
    -1.42182922854787788574e-1,
    -3.80806407691578277194e-2,
    -9.33259480895457427372e-4,
)
"""For rates above exp(-32), as all within `_LOWEST` and `_HIGHEST` are."""


def dprime(hit_rate: float, false_alarm_rate: float) -> float:
    """How well hits are told from false alarms; NaN where either rate is."""
    return _quantile(_clipped(hit_rate)) - _quantile(_clipped(false_alarm_rate))


def _clipped(rate: float) -> float:
    return rate if math.isnan(rate) else min(max(rate, _LOWEST), _HIGHEST)


def _quantile(probability: float) -> float:
    """The standard normal quantile of a probability between exp(-32) and 1 - exp(-32)."""
    if math.isnan(probability):
        return probability
    upper = probability > 1.0 - _EXP_MINUS_2
    y = 1.0 - probability if upper else probability
    if y > _EXP_MINUS_2:
        y -= 0.5
        y2 = y * y
        return (y + y * (y2 * _polynomial(y2, _CENTRE_P) / _polynomial(y2, _CENTRE_Q))) * _SQRT_2_PI
    x = math.sqrt(-2.0 * math.log(y))
    z = 1.0 / x
    x = x - math.log(x) / x - z * _polynomial(z, _TAIL_P) / _polynomial(z, _TAIL_Q)
    return x if upper else -x


def _polynomial(x: float, coefficients: Sequence[float]) -> float:
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
