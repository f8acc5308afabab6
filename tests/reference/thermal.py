"""Heat and cells in plain NumPy and SciPy: what the kernels of ext/ are compared with.

Where a textbook has the formula, it is written as the textbook has it; linear systems go through the matrix
exponential of SciPy and integrals through its quadrature, so nothing is shared with the kernels.
"""

import math
from decimal import Decimal, localcontext

import numpy as np
from scipy.integrate import quad_vec, solve_ivp
from scipy.linalg import expm


def linear_step(a: np.ndarray, b: np.ndarray, x: np.ndarray, h_s: float) -> np.ndarray:
    """x(h) of x' = a x + b."""
    n = len(b)
    big = np.zeros((n + 1, n + 1))
    big[:n, :n], big[:n, n] = a, b
    return (expm(big * h_s) @ np.append(x, 1.0))[:n]


def linear_integral(a: np.ndarray, b: np.ndarray, x: np.ndarray, h_s: float) -> np.ndarray:
    """Integral of x over [0, h], by quadrature over the matrix exponential."""
    return quad_vec(lambda t: linear_step(a, b, x, t), 0.0, h_s, epsrel=1e-11, epsabs=1e-12)[0]


def linear_step_in_many_digits(a: np.ndarray, b: np.ndarray, x: np.ndarray, h_s: float) -> list[float]:
    """x(h) of x' = a x + b for two nodes, by the eigenvalues in 80 digits: exact for pairs however stiff.

    ``expm`` scales and squares, which loses what a slow node keeps beside one that is 1e12 times faster.
    """
    with localcontext() as digits:
        digits.prec = 80
        (p, q), (r, s) = [[Decimal(float(v)) for v in line] for line in a]
        b0, b1 = (Decimal(float(v)) for v in b)
        det, mean = p * s - q * r, (p + s) / 2
        rest = ((q * b1 - s * b0) / det, (r * b0 - p * b1) / det)
        u, v = (Decimal(float(each)) - at for each, at in zip(x, rest, strict=True))
        split = (mean * mean - det).sqrt()
        fast, slow = ((mean - split) * Decimal(h_s)).exp(), ((mean + split) * Decimal(h_s)).exp()
        f1 = (slow - fast) / (2 * split)
        f0 = slow - (mean + split) * f1
        return [float(rest[0] + f0 * u + f1 * (p * u + q * v)), float(rest[1] + f0 * v + f1 * (r * u + s * v))]


def container(c_cell, c_cool, g, g_ambient, heat_w, chilled_w, ambient_c) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and input of a battery container: cells lose heat to the coolant and to the air around."""
    a = np.array([[-(g + g_ambient) / c_cell, g / c_cell], [g / c_cool, -g / c_cool]])
    return a, np.array([(heat_w + g_ambient * ambient_c) / c_cell, -chilled_w / c_cool])


def row(c_die, c_tcs, g_die, sink_w_k, heat_w, sink_c) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and input of a row group: dies give to the coolant, the coolant to what holds its supply or cools it."""
    a = np.array([[-g_die / c_die, g_die / c_die], [g_die / c_tcs, -(g_die + sink_w_k) / c_tcs]])
    return a, np.array([heat_w / c_die, sink_w_k * sink_c / c_tcs])


def loop(c_return, c_supply, water_w_k, g, heat_w, inlet_c) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and input of a facility loop: supply takes the heat, returns, and is cooled against ``inlet_c``."""
    gamma = g / water_w_k
    a = water_w_k * np.array([[-1.0 / c_return, 1.0 / c_return], [(1.0 - gamma) / c_supply, -1.0 / c_supply]])
    return a, np.array([heat_w / c_return, g * inlet_c / c_supply])


def counter_flow(ntu: float, cr: float) -> float:
    """Effectiveness of a counter-flow exchanger (Incropera, Fundamentals of Heat and Mass Transfer, eq. 11.29)."""
    if cr == 1.0:
        return ntu / (1.0 + ntu)
    e = math.exp(-ntu * (1.0 - cr))
    return (1.0 - e) / (1.0 - cr * e)


def cdu_conductance(ua_w_k: float, tcs_w_k: float, fws_w_k: float, tcs_share: float, fws_share: float) -> float:
    """W/K from the coolant's mean temperature to the facility water's inlet, both flows given as shares of design.

    The films of both sides follow their flow with the power 0.8 and lie in series, equal at design.
    """
    films = 1.0 / (0.5 / tcs_share**0.8 + 0.5 / fws_share**0.8)
    hot, cold = tcs_w_k * tcs_share, fws_w_k * fws_share
    low = min(hot, cold)
    inlet = low * counter_flow(ua_w_k * films / low, low / max(hot, cold))
    return inlet / (1.0 - 0.5 * inlet / hot)  # from the hot inlet to the mean: half the coolant's rise less


def dry_cooler(ua_w_k: float, air_w_k: float, water_w_k: float) -> float:
    """Conductance of a cross-flow cooler, both fluids unmixed, W/K (Incropera, eq. 11.32)."""
    low = min(air_w_k, water_w_k)
    cr, ntu = low / max(air_w_k, water_w_k), ua_w_k / low
    return low * (1.0 - math.exp(ntu**0.22 / cr * (math.exp(-cr * ntu**0.78) - 1.0)))


def cross_flow(ntu: float, cr: float) -> float:
    """Exact effectiveness of cross flow, both fluids unmixed: the series of Mason (1954), 80 terms."""
    total, hot, cold = 0.0, 1.0, 1.0
    hot_sum, cold_sum = math.exp(-ntu), math.exp(-cr * ntu)
    for k in range(1, 81):
        total += (1.0 - hot_sum) * (1.0 - cold_sum)
        hot, cold = hot * ntu / k, cold * cr * ntu / k
        hot_sum += math.exp(-ntu) * hot
        cold_sum += math.exp(-cr * ntu) * cold
    return total / (cr * ntu)


def hall_air(room_w: float, capacity_w: float, wall_w_k: float, c_j_k: float, start_c: float, h_s: float) -> tuple:
    """Temperature after ``h_s``, heat the units took and heat that leaked, J, by an integrator of small steps.

    Units aim at 26 °C with 2 min within 0 and their capacity; a room they cannot carry leaks to walls of 30 °C.
    """
    beaten = capacity_w <= room_w

    def rates(_t: float, x: np.ndarray) -> list[float]:
        wish = room_w + c_j_k * (x[0] - 26.0) / 120.0
        taken = capacity_w if beaten else min(max(wish, 0.0), capacity_w)
        leak = wall_w_k * (x[0] - 30.0) if beaten else 0.0
        return [(room_w - taken - leak) / c_j_k, taken, leak]

    step = solve_ivp(rates, (0.0, h_s), [start_c, 0.0, 0.0], rtol=1e-10, atol=1e-8, max_step=h_s / 200.0)
    return tuple(float(each) for each in step.y[:, -1])
