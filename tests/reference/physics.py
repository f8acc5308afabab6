"""Slow, plain references of the kernels' physics: matrix exponentials, tables and textbook formulae."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

PG25_W_K_PER_L_MIN = 1.010 * 3969.0 / 60.0
"""Heat capacity flow of one l/min of 25 % propylene glycol at 40 °C (CoolProp)."""


def linear(a: np.ndarray, forcing: np.ndarray, start: np.ndarray, h_s: float) -> tuple[np.ndarray, np.ndarray]:
    """State after ``h_s`` of x' = a·x + forcing, and its integral over the step: one exponential of a block matrix."""
    n = len(start)
    block = np.zeros((2 * n + 1, 2 * n + 1))
    block[:n, :n], block[:n, -1] = a, forcing
    block[n : 2 * n, :n] = np.eye(n)
    end = expm(block * h_s) @ np.concatenate([start, np.zeros(n), [1.0]])
    return end[:n], end[n : 2 * n]


def row_system(row: dict) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and forcing of a row's dies and coolant, K/s."""
    g = row["g_die_w_k"] * (0.01 + 0.99 * row["pump_on"])
    sink, c1, c2 = row["sink_w_k"], row["c_die_j_k"], row["c_tcs_j_k"]
    a = np.array([[-g / c1, g / c1], [g / c2, -(g + sink) / c2]])
    return a, np.array([row["run_w"] * row["liquid_share"] / c1, sink * row["sink_c"] / c2])


def store_system(store: dict, ambient_c: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and forcing of a container's cells and coolant, K/s."""
    g = store["g_on_w_k"] if store["cooling"] > 0.5 else store["g_off_w_k"]
    ga, c1, c2 = store["g_ambient_w_k"], store["c_cell_j_k"], store["c_cool_j_k"]
    a = np.array([[-(g + ga) / c1, g / c1], [g / c2, -g / c2]])
    return a, np.array([(store["heat_w"] + ga * ambient_c) / c1, -store["chilled_w"] / c2])


def counter_flow(ua: float, hot_w_k: float, cold_w_k: float) -> float:
    """Conductance ε·Cmin of a counter-flow exchanger between its inlets, W/K (Incropera, eq. 11.29)."""
    low, high = min(hot_w_k, cold_w_k), max(hot_w_k, cold_w_k)
    ratio, ntu = low / high, ua / low
    x = np.exp(-ntu * (1.0 - ratio))
    return low * (1.0 - x) / (1.0 - ratio * x)


def exchanger(row: dict, share: float) -> float:
    """Conductance from the loop's mean coolant to the inlet of a ``share`` of the facility water's design flow, W/K."""
    hot = row["tcs_w_k"] * row["pump_share"]
    films = share**-0.8 + row["pump_ua_share"] ** -1.0
    ex = counter_flow(2.0 * row["ua_w_k"] / films, hot, row["fws_w_k"] * share)
    return 1.0 / (1.0 / ex - 0.5 / hot)


def cell_ohm(r0_ohm: float, cell_c: float, soc: float) -> float:
    """Ohmic resistance: 20 kJ/mol around 25 °C (gas constant 8.314), × 1.3 below 10 % charge."""
    return r0_ohm * np.exp(20e3 / 8.3145 * (1.0 / (cell_c + 273.15) - 1.0 / 298.15)) * (1.3 if soc < 0.1 else 1.0)


def pcs_loss_w(p_w: float, rated_w: float) -> float:
    """Converter loss of docs/physics.md: 98.3 % at full load, 95 % at a tenth; none at rest."""
    x = abs(p_w) / rated_w
    return rated_w * (0.0045 + 0.0035 * x + 0.0095 * x * x) if abs(p_w) >= 1.0 else 0.0


def record(arena: object, table: str, i: int) -> dict:
    """All columns of row ``i`` of a table by name."""
    return {name: values[i] for (at, name), values in _columns(arena) if at == table and len(values) > i}


def _columns(arena: object) -> list:
    from twin.tables import TABLES

    return [((table, name), arena.column(table, name)) for table, columns in TABLES.items() for name in columns]
