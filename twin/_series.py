"""What a batch of power flows answers: voltages of every row, and flows when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class SolutionSeries:
    """Voltages and flows of many rows: the names of ``Solution`` with a leading axis n_step.

    Voltages are there at once; magnitudes, angles, flows and totals are computed when first asked for and kept.
    ``status`` and ``iterations`` have the shape (n_step,).
    """

    def __init__(
        self, buses: tuple[Hashable, ...], branches: tuple[str, ...], v: Array, status: npt.NDArray[np.int8],
        iterations: npt.NDArray[np.int32], alive: Flags, flows: Callable[[], dict[str, Array]],
    ) -> None:  # fmt: skip
        self.buses = buses
        self.branches = branches
        self._v = v
        self.status = status
        """twin.network.Status of each row; of several islands the worst."""
        self.iterations = iterations
        """Newton steps of each row."""
        self._alive = alive
        self._flows = flows

    def __len__(self) -> int:
        return len(self.status)

    @property
    def v_pu(self) -> npt.NDArray[np.complex128]:
        """Complex voltages, (n_step, n_bus), per unit; a view."""
        return self._v.view(np.complex128)[..., 0]

    @cached_property
    def vm_pu(self) -> Array:
        """Voltage magnitudes, (n_step, n_bus)."""
        return np.sqrt(self._v[..., 0] * self._v[..., 0] + self._v[..., 1] * self._v[..., 1])

    @cached_property
    def va_deg(self) -> Array:
        """Voltage angles, (n_step, n_bus)."""
        return np.degrees(np.arctan2(self._v[..., 1], self._v[..., 0]))

    @property
    def converged(self) -> Flags:
        """Whether every energised island of the row converged, (n_step,)."""
        return np.equal(self.status, 0)

    @property
    def energised(self) -> Flags:
        """Whether the bus is connected with a slack, (n_step, n_bus)."""
        return np.broadcast_to(self._alive, self._v.shape[:2])

    @cached_property
    def _fields(self) -> dict[str, Array]:
        return self._flows()

    @property
    def p_mw(self) -> Array:
        """Net injection at each bus, sources included, (n_step, n_bus)."""
        return self._fields["p_mw"]

    @property
    def q_mvar(self) -> Array:
        """Net reactive injection at each bus, (n_step, n_bus)."""
        return self._fields["q_mvar"]

    @property
    def loading(self) -> Array:
        """Larger apparent power of the two ends over ``rate_mva``, (n_step, n_branch); 0 without a rating."""
        return self._fields["loading"]

    @property
    def p_from_mw(self) -> Array:
        """Into each branch at its from end, (n_step, n_branch)."""
        return self._fields["p_from_mw"]

    @property
    def q_from_mvar(self) -> Array:
        """Into each branch at its from end, (n_step, n_branch)."""
        return self._fields["q_from_mvar"]

    @property
    def p_to_mw(self) -> Array:
        """Into each branch at its to end, (n_step, n_branch)."""
        return self._fields["p_to_mw"]

    @property
    def q_to_mvar(self) -> Array:
        """Into each branch at its to end, (n_step, n_branch)."""
        return self._fields["q_to_mvar"]

    @property
    def losses_mw(self) -> Array:
        """Losses of all branches and shunts, (n_step,)."""
        return self._fields["losses_mw"]

    @property
    def p_slack_mw(self) -> Array:
        """What all slack sources provide, (n_step,)."""
        return self._fields["p_slack_mw"]

    @property
    def mismatch_pu(self) -> Array:
        """Largest power left over at a bus, recomputed from the voltages, (n_step,)."""
        return self._fields["mismatch_pu"]

    @property
    def load_factor(self) -> Array:
        """1; with status COLLAPSE the share of all injections of the island that can be carried, (n_step,)."""
        return self._fields["load_factor"]

    @property
    def frequency_hz(self) -> Array:
        """Nominal, but where droop sources share an island's imbalance; 0 where dead; (n_step, n_bus)."""
        return self._fields["frequency_hz"]

    @property
    def taps(self) -> Array:
        """Tap ratios in force, (n_step, n_branch)."""
        return self._fields["taps"]

    def table(self, what: str = "buses") -> Any:
        """Raise ValueError: a table shows one solution."""
        raise ValueError(f"table({what!r}) shows one solution; this is a series: index its arrays by step")


@dataclass(frozen=True)
class Extremes:
    """The least and the greatest over all rows that converged; totals of each row. Arrays as in ``SolutionSeries``."""

    buses: tuple[Hashable, ...]
    branches: tuple[str, ...]
    vm_min_pu: Array
    """(n_bus,)"""
    vm_max_pu: Array
    loading_max: Array
    """(n_branch,), over ``rate_mva``; 0 without a rating."""
    losses_mw: Array
    """(n_step,), 0 where the row did not converge."""
    p_slack_mw: Array
    status: npt.NDArray[np.int8]
    iterations: npt.NDArray[np.int32]

    @property
    def converged(self) -> Flags:
        """Whether the row converged, (n_step,)."""
        return np.equal(self.status, 0)


def extremes_of(series: SolutionSeries) -> Extremes:
    """The extremes of a series whose voltages are at hand."""
    good = series.converged
    if good.any():
        low, high, loading = series.vm_pu[good].min(axis=0), series.vm_pu[good].max(axis=0), series.loading[good].max(0)
    else:
        low = high = np.zeros(len(series.buses))
        loading = np.zeros(len(series.branches))
    zero = np.zeros(len(series))
    return Extremes(
        series.buses, series.branches, low, high, loading, np.where(good, series.losses_mw, zero),
        np.where(good, series.p_slack_mw, zero), series.status, series.iterations,
    )  # fmt: skip
