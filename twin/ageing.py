"""Ageing of LFP cells: calendar and cycle fade as power laws that add up independently of the time step.

The default model is BLAST-Lite's ``Lfp_Gr_250AhPrismatic`` (large-format LFP; Gasper et al., J. Electrochem. Soc. 170,
2023, 090541; parameters read in BLAST-Lite 1.1.0, BSD-3), implemented anew. Its cycle term falls with temperature and
was fitted between 10 and 45 °C only, so the temperature is held to that range here: a known limit of the model.

The other model is that of Naumann et al. for LFP cells of 3 Ah (calendar: J. Energy Storage 17, 2018, 153; cycles: J.
Power Sources 451, 2020, 227666; parameters as in SimSES 1.3.12, BSD-3). After ten years it has lost twice as much: the
two span what is known of cells that nobody has aged for so long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.quantities import ZERO_C_IN_K

Array = npt.NDArray[np.float64]
CALENDAR_POWER = 0.526
CYCLE_POWER = 0.828
FITTED_C = (10.0, 45.0)
GAS_J_MOL_K = 8.314462618
"""Molar gas constant, CODATA 2018."""


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


def naumann_calendar_rate(temp_c: Array, soc: Array) -> Array:
    """Coefficient k of the calendar fade q = k·√t, t in days."""
    arrhenius = np.exp(-17126.0 / GAS_J_MOL_K * (1.0 / (temp_c + ZERO_C_IN_K) - 1.0 / 298.15))
    by_second = 1.2571e-5 * arrhenius * (2.8575 * (soc - 0.5) ** 3 + 0.60225)
    return np.asarray(by_second * np.sqrt(86400.0))


def naumann_cycle_rate(temp_c: Array, depth: Array, c_rate: Array) -> Array:
    """Coefficient k of the cycle fade q = k·√n, n in equivalent full cycles; it does not depend on temperature."""
    return np.asarray(0.01 * (0.063 * c_rate + 0.0971) * (4.0253 * (depth - 0.6) ** 3 + 1.0923))


@dataclass(frozen=True)
class AgeingModel:
    """Two power laws that add up: of time in days, of equivalent full cycles."""

    calendar_rate: Callable[[Array, Array], Array]
    """Of cell temperature, °C, and state of charge."""
    calendar_power: float
    cycle_rate: Callable[[Array, Array, Array], Array]
    """Of cell temperature, °C, depth of the cycles and C-rate."""
    cycle_power: float


MODELS = {
    "blast": AgeingModel(calendar_rate, CALENDAR_POWER, cycle_rate, CYCLE_POWER),
    "naumann": AgeingModel(naumann_calendar_rate, 0.5, naumann_cycle_rate, 0.5),
}
"""Names that a battery's ``ageing_model`` may have."""


def grow(fade: Array, rate: Array, power: float, amount: Array) -> Array:
    """Fade after ``amount`` more of what drives it (days, cycles) at ``rate``, starting from ``fade``.

    Exact for a constant rate: the equivalent amount already spent is (fade/rate)^(1/power), so cutting the amount
    into pieces gives the same result, whatever the time step.
    """
    safe = np.maximum(rate, 1e-30)
    spent = (fade / safe) ** (1.0 / power)
    return np.where(rate > 0.0, safe * (spent + amount) ** power, fade)
