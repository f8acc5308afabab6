"""The plan: what components lower themselves into, flat tables in which names have become indices.

A table is one primitive element kind; a column is one quantity of it, in the units of the inside (W, J, °C, pu). All
columns of all tables end in one aligned buffer, the arena (``twin.tables`` lists them).
A snapshot is the arena's bytes. A channel is a place in the arena with a name and a unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twin.errors import Problem, SiteError
from twin.tables import REGIONS, TABLES, Column, Region

ALIGN = 64
N_TIER = 4
MAX_ISLAND = 64
"""Energised islands the plant tells apart; the default site has one."""
N_CLASS = 8
"""Job classes of the queue core: tiers 0…3, and the same four while throttled."""


@dataclass(frozen=True)
class Place:
    """One number of the arena: table, column, element."""

    table: str
    column: str
    index: int = 0


Kind = Literal["mean", "state"]
"""A power is the mean over its interval, a state its value at the end."""


@dataclass(frozen=True)
class Channel:
    """A recorded quantity: value = number at ``place`` × ``scale``."""

    name: str
    place: Place
    unit: str
    description: str
    kind: Kind = "mean"
    scale: float = 1.0
    site: bool = False
    """True for the site roll-up, which is recorded every minute."""
    fine: bool = False
    """True for what fine windows record at their own step."""

    @property
    def asset(self) -> str:
        """Name of the asset the channel belongs to, ``site`` for a roll-up."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Input:
    """A set-point that callers may write: number at each of ``places`` = value × ``scale``."""

    name: str
    places: tuple[Place, ...]
    unit: str
    description: str
    scale: float = 1.0
    minimum: float = -np.inf
    maximum: float = np.inf


SHORTAGE = "site.shortage"
"""The guard that tells that jobs are slowed because supply is short, and the trouble it stands for."""
GUARD_MODES = ("state", "algebraic", "soft")
"""In the order of the numbers in ext/plant.pxd."""


@dataclass(frozen=True)
class Guard:
    """A limit whose crossing wakes the behaviour ``owner``: value above ``limit`` (or below, for ``below``)."""

    name: str
    owner: str
    place: Place
    limit: float
    below: bool = False
    reset: float = np.nan
    """The guard arms again when the value is back beyond this; NaN means beyond ``limit``."""
    mode: Literal["state", "algebraic", "soft"] = "state"
    """``state``: the step ends at the crossing; ``algebraic``: the value jumps when a step begins (voltages), the
    crossing is there; ``soft``: told at the end of the step, for what regulates itself or has time."""
    asset: str = ""
    fine: bool = True
    """True where the crossing opens a fine window."""


@dataclass(frozen=True)
class Branch:
    """A branch of the electrical network, per unit on 100 MVA; ``coupler`` merges its buses while closed."""

    name: str
    asset: str
    kind: str
    from_bus: int
    to_bus: int
    y_ff: complex = 0j
    y_ft: complex = 0j
    y_tf: complex = 0j
    y_tt: complex = 0j
    rate_mva: float = 0.0
    closed: bool = True
    coupler: bool = False
    attributes: Mapping[str, float] = field(default_factory=dict)
    """What the networkx edge shows: r_pu, x_pu, b_pu, tap_ratio, sn_mva …"""


@dataclass(frozen=True)
class Bus:
    """A node of the electrical network."""

    name: str
    vn_kv: float
    asset: str


@dataclass(frozen=True)
class Asset:
    """Something with a name that verbs act on and events speak of."""

    name: str
    kind: str
    component: str
    """Name of the component that owns it."""
    switches: tuple[str, ...] = ()
    """Branches that ``open`` and ``close`` move."""
    places: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """What ``fail``, ``repair``, ``derate`` write: role → places."""
    depends: tuple[str, ...] = ()
    """Assets whose trouble explains this one's: the chain of causes."""
    bus: str = ""


class Plan:
    """Tables, names and limits of a site; components add to it, ``freeze`` turns it into arrays."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, float]]] = {name: [] for name in TABLES}
        self.buses: dict[str, int] = {}
        self.bus_list: list[Bus] = []
        self.branches: dict[str, Branch] = {}
        self.forming: dict[int, tuple[int, float]] = {}
        """Bus → (rank, voltage in pu): which buses can hold an island, the lowest rank first."""
        self.assets: dict[str, Asset] = {}
        self.channels: dict[str, Channel] = {}
        self.inputs: dict[str, Input] = {}
        self.guards: list[Guard] = []
        self.racks: list[int] = []
        """Row group of each rack, rising."""
        self.gpus_per_rack = 72
        self.profiles = 0
        """Solar blocks so far, which is also the number of profile columns."""
        self.halls: dict[str, tuple[int, int]] = {}
        """Rack hall → its row groups, first and one past the last."""
        self.row_names: list[str] = []
        self.components_at: dict[str, int] = {}
        """First element of a component in its table."""
        self.problems: list[Problem] = []
        self.add("rule")
        self.add("site")
        self.add("ledger")
        for _ in range(N_TIER):
            self.add("tier")
        for _ in range(MAX_ISLAND):
            self.add("island")

    def problem(self, path: str, message: str, got: object = None, hint: str = "") -> None:
        """Note something wrong with the site; building goes on so that all problems are found."""
        self.problems.append(Problem(path, message, got, hint))

    def add(self, table: str, **values: float) -> int:
        """Add an element to ``table``; columns not given start with their default. Return its index."""
        unknown = values.keys() - TABLES[table].keys()
        if unknown:
            raise KeyError(f"table {table!r} has no column {sorted(unknown)}")
        self.rows[table].append(values)
        return len(self.rows[table]) - 1

    def count(self, table: str) -> int:
        """Elements in ``table`` so far."""
        return len(self.rows[table])

    def bus(self, name: str, vn_kv: float, asset: str = "") -> int:
        """Add a bus and return its index."""
        if name in self.buses:
            self.problem(asset or name, f"bus {name!r} is declared twice")
            return self.buses[name]
        self.buses[name] = len(self.bus_list)
        self.bus_list.append(Bus(name, vn_kv, asset))
        return self.buses[name]

    def bus_index(self, name: str, path: str) -> int:
        """Index of the bus ``name``; a name that is not there is noted as a problem with the nearest one."""
        if name in self.buses:
            return self.buses[name]
        self.problem(path, "no bus of this name", name, nearest(name, self.buses))
        return 0

    def branch(self, branch: Branch) -> None:
        """Add a branch; its name must be new."""
        if branch.name in self.branches:
            self.problem(branch.asset, f"branch {branch.name!r} is declared twice")
        self.branches[branch.name] = branch

    def asset(self, asset: Asset) -> None:
        """Add an asset; its name must be new."""
        if asset.name in self.assets:
            self.problem(asset.name, "two assets of this name")
        self.assets[asset.name] = asset

    def depend(self, name: str, on: str) -> None:
        """Say that trouble at ``on`` explains trouble at ``name``, before what it depends on so far."""
        asset = self.assets[name]
        self.assets[name] = replace(asset, depends=(on, *asset.depends))

    def channel(
        self,
        name: str,
        place: Place,
        unit: str,
        description: str,
        *,
        kind: Kind = "mean",
        scale: float = 1.0,
        site: bool = False,
        fine: bool = False,
    ) -> None:
        """Declare a recorded quantity."""
        self.channels[name] = Channel(name, place, unit, description, kind, scale, site, fine)

    def input(self, name: str, *places: Place, unit: str, description: str, **limits: float) -> None:
        """Declare a set-point that callers may write."""
        self.inputs[name] = Input(name, places, unit, description, **limits)

    def guard(self, guard: Guard) -> None:
        """Declare a limit whose crossing wakes a behaviour."""
        self.guards.append(guard)

    def freeze(self) -> Arena:
        """The arena with every table in it. Raise SiteError with every problem noted so far."""
        if self.problems:
            raise SiteError(self.problems)
        self.add_network_tables()
        return Arena(self.rows)

    def add_network_tables(self) -> None:
        """Give every bus and branch a row for its results, so that channels can point at them."""
        self.rows["bus"] = [{} for _ in self.bus_list]
        self.rows["branch"] = [{} for _ in self.branches]


def nearest(name: str, names: Mapping[str, Any] | list[str]) -> str:
    """A hint naming what the user may have meant, or an empty text."""
    import difflib

    close = difflib.get_close_matches(name, list(names), n=2, cutoff=0.6)
    return f"did you mean {', '.join(close)} ?" if close else ""


class Arena:
    """Every column of every table in one aligned buffer, the regions one behind the other."""

    def __init__(self, rows: Mapping[str, list[dict[str, float]]]) -> None:
        self.columns: dict[tuple[str, str], npt.NDArray[Any]] = {}
        self.counts = {table: len(elements) for table, elements in rows.items()}
        layout: list[tuple[str, str, Column, int]] = []
        self.bounds: dict[Region, tuple[int, int]] = {}
        size = 0
        for region in REGIONS:
            start = size
            for table, name, column in _columns(region):
                layout.append((table, name, column, size))
                size += -(-len(rows[table]) * column.width * np.dtype(column.dtype).itemsize // ALIGN) * ALIGN
            self.bounds[region] = (start, size)
        raw = np.zeros(size + ALIGN, dtype=np.uint8)
        skip = -raw.ctypes.data % ALIGN
        self.buffer: npt.NDArray[np.uint8] = raw[skip : skip + size]
        for table, name, column, start in layout:
            self._fill(rows[table], table, name, column, start)

    def _fill(self, rows: list[dict[str, float]], table: str, name: str, column: Column, start: int) -> None:
        count = len(rows) * column.width
        view = self.buffer[start : start + count * np.dtype(column.dtype).itemsize].view(column.dtype)
        view[:] = [row.get(name, column.default) for row in rows for _ in range(column.width)]
        self.columns[table, name] = view

    def count(self, table: str) -> int:
        """Elements of ``table``."""
        return self.counts[table]

    def address(self, table: str, name: str) -> int:
        """Address of the column, for the kernels."""
        return int(self.columns[table, name].ctypes.data)

    def column(self, table: str, name: str) -> npt.NDArray[Any]:
        """The live column, shape (elements of the table,)."""
        return self.columns[table, name]

    def offset(self, place: Place) -> int:
        """Position of a float64 ``place`` in the arena, counted in float64s."""
        view = self.columns[place.table, place.column]
        start = view.ctypes.data - self.buffer.ctypes.data
        return int(start // 8 + place.index)

    def get(self, place: Place) -> float:
        """The number at ``place``."""
        return float(self.columns[place.table, place.column][place.index])

    def set(self, place: Place, value: float) -> None:
        """Write the number at ``place``."""
        self.columns[place.table, place.column][place.index] = value


def _columns(region: Region) -> Iterator[tuple[str, str, Column]]:
    for table, columns in TABLES.items():
        for name, column in columns.items():
            if column.region == region:
                yield table, name, column
