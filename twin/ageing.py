"""Ageing of LFP cells: calendar and cycle fade as power laws that add up independently of the time step.

The default model is BLAST-Lite's ``Lfp_Gr_250AhPrismatic`` (large-format LFP; Gasper et al., J. Electrochem. Soc. 170,
2023, 090541; parameters read in BLAST-Lite 1.1.0, BSD-3), implemented anew. Its cycle term falls with temperature and
was fitted between 10 and 45 °C only, so the temperature is held to that range here: a known limit of the model.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.quantities import ZERO_C_IN_K

Array = npt.NDArray[np.float64]
CALENDAR_POWER = 0.526
CYCLE_POWER = 0.828
FITTED_C = (10.0, 45.0)


def anode_potential_v(soc: Array) -> Array:
    """Graphite half-cell potential at state of charge ``soc``, V (Safari & Delacourt 2011, as BLAST-Lite uses it)."""
    x = 0.0085 + soc * (0.78 - 0.0085)
    return np.asarray(
        0.6379
        + 0.5416 * np.exp(-305.5309 * x)
        + 0.044 * np.tanh(-(x - 0.1958) / 0.1088)
        - 0.1978 * np.tanh((x - 1.0571) / 0.0854)
        - 0.6875 * np.tanh((x + 0.0117) / 0.0529)
        - 0.0175 * np.tanh((x - 0.5692) / 0.0875)
    )


def calendar_rate(temp_c: Array, soc: Array) -> Array:
    """Coefficient k of the calendar fade q = k·t^0.526, t in days."""
    kelvin = np.clip(temp_c, *FITTED_C) + ZERO_C_IN_K
    return np.asarray(8.37e4 * np.exp(-5.21e3 / kelvin) * np.exp(-3.56e3 * anode_potential_v(soc) / kelvin))


def cycle_rate(temp_c: Array, depth: Array, c_rate: Array) -> Array:
    """Coefficient k of the cycle fade q = k·n^0.828, n in equivalent full cycles."""
    kelvin = np.clip(temp_c, *FITTED_C) + ZERO_C_IN_K
    stress = 4.38e-8 + 1.55e-8 * depth + 1.68e-7 * c_rate
    return np.asarray(stress * (np.exp(2.19e3 / kelvin) + np.exp(-1.55e5 / kelvin)))


def grow(fade: Array, rate: Array, power: float, amount: Array) -> Array:
    """Fade after ``amount`` more of what drives it (days, cycles) at ``rate``, starting from ``fade``.

    Exact for a constant rate: the equivalent amount already spent is (fade/rate)^(1/power), so cutting the amount
    into pieces gives the same result, whatever the time step.
    """
    safe = np.maximum(rate, 1e-30)
    spent = (fade / safe) ** (1.0 / power)
    return np.where(rate > 0.0, safe * (spent + amount) ** power, fade)
