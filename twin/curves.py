"""Loss curves: from efficiencies that a datasheet gives to the quadratic the kernels use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def loss_curve(efficiency: Mapping[float, float]) -> tuple[float, float, float]:
    """Coefficients (c0, c1, c2) of loss/rated = c0 + c1·x + c2·x², fitted to efficiency at load fraction x.

    ``efficiency`` maps load fraction (output over rating) to efficiency, both in (0, 1]; at least three points.
    Least squares on the relative loss; c0 is held at or above zero, since a converter does not create power at idle.
    ValueError when the fitted loss is negative somewhere up to rating: no quadratic goes through such points.
    """
    x = np.array(sorted(efficiency))
    loss = x * (1.0 / np.array([efficiency[point] for point in x]) - 1.0)
    powers = np.stack([np.ones_like(x), x, x * x], axis=1)
    c0, c1, c2 = np.linalg.lstsq(powers, loss, rcond=None)[0]
    if c0 < 0.0:
        c1, c2 = np.linalg.lstsq(powers[:, 1:], loss, rcond=None)[0]
        c0 = 0.0
    lowest = np.min(np.polyval((c2, c1, c0), np.linspace(0.0, 1.0, 1001)))
    if lowest < -1e-12:
        raise ValueError(f"efficiency {dict(efficiency)}: the fitted loss falls to {lowest:.4f} of rating, below zero")
    return float(c0), float(c1), float(c2)


PVWATTS_REFERENCE = 0.9637
"""Reference efficiency of the PVWatts inverter curve (Dobos, PVWatts Version 5 Manual, NREL/TP-6A20-62641, 2014)."""


def pvwatts_loss(nominal_efficiency: float) -> tuple[float, float, float]:
    """The PVWatts inverter curve as loss over DC rating: quadratic in the DC load fraction ζ.

    η(ζ) = η_nom/0.9637·(−0.0162ζ − 0.0059/ζ + 0.9858), Dobos 2014, eq. 13; so the loss is exact, not fitted.
    """
    k = nominal_efficiency / PVWATTS_REFERENCE
    return 0.0059 * k, 1.0 - 0.9858 * k, 0.0162 * k
