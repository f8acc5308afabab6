"""Battery: one block of containers behind a step-up transformer, its management system and its ageing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from twin.ageing import MODELS, grow
from twin.component import Behaviour, Component, quantity
from twin.components.branches import add_branch, cable_branch, transformer_branch
from twin.components.bus import add_bus
from twin.plan import Asset, Guard, Kind, Place, Plan
from twin.pools import Pool, start_pool
from twin.quantities import MS_PER_HOUR

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World

CELLS_PER_CONTAINER = 4992
"""12 racks of 416 cells in series (public cabinet study of a 1P416S rack; docs/physics.md)."""
CELL_AH = 314.0
CELL_V = 3.2
COOLANT_L = 400.0
"""Coolant of a container (docs/physics.md)."""
COOLANT_J_L_K = 1.04 * 3600.0
"""Heat capacity of a litre of it: glycol and water, 1.04 kg/l, 3.6 kJ/(kg·K) (from memory)."""
CONTAINER_MWH = CELLS_PER_CONTAINER * CELL_AH * CELL_V * 1e-6


class Battery(Component, kind="battery"):
    """A block of liquid-cooled LFP containers with their power conversion."""

    title = "Battery block"
    channels = {
        "p_mw": ("MW", "power of the block, discharge positive"),
        "soc": ("1", "state of charge, mean of its containers"),
        "cell_max_c": ("°C", "hottest container"),
        "soh": ("1", "capacity left, mean of its containers"),
        "c*.soc": ("1", "state of charge of a container"),
        "c*.cell_c": ("°C", "cell temperature of a container"),
        "c*.p_kw": ("kW", "power of a container, discharge positive"),
    }
    verbs = ("open", "close", "trip", "fail", "repair", "derate", "set")

    bus: str = quantity(description="35 kV section its feeder ends at")
    energy_mwh: float = quantity(description="nominal energy of the bank", gt=0, total=True)
    power_mw: float = quantity(description="rated power of the bank", gt=0, total=True)
    containers_count: int = quantity(20, "containers of the block", ge=1)
    grid_forming: bool = quantity(False, "whether it may hold an island that has lost the grid")
    soc_start_share: float = quantity(0.5, "state of charge at the start of the run", ge=0, le=1)
    soc_min_share: float = quantity(0.05, "lowest state of charge", ge=0, lt=1, source="warranty class, from memory")
    soc_max_share: float = quantity(0.95, "highest state of charge", gt=0, le=1, source="warranty class, from memory")
    r0_mohm: float = quantity(
        0.40, "ohmic resistance of a cell, 25 °C", gt=0, source="10-s value, derived, docs/physics.md"
    )
    r1_mohm: float = quantity(0.06, "first RC resistance, τ = 45 s", gt=0, source="from memory")
    r2_mohm: float = quantity(0.10, "second RC resistance, τ = 1500 s", gt=0, source="from memory")
    cell_kg: float = quantity(5.6, "mass of a cell", gt=0, source="datasheet class, from memory")
    cell_heat_j_kg_k: float = quantity(1050.0, "heat capacity of a cell", gt=0, source="from memory")
    coolant_kw_k: float = quantity(8.0, "cells to coolant, pump running, per container", gt=0, source="from memory")
    ambient_kw_k: float = quantity(0.1, "container to ambient", gt=0, source="from memory")
    chiller_kw: float = quantity(70.0, "chiller of a container, thermal", gt=0, source="60–80 kW, from memory")
    chiller_cop_factor: float = quantity(3.2, "chiller coefficient of performance at 35 °C", gt=1, source="from memory")
    standby_kw: float = quantity(2.0, "power conversion at rest, per container", ge=0, source="from memory")
    aux_kw: float = quantity(1.5, "management and pumps at rest, per container", ge=0, source="1–2 kW, from memory")
    apparent_share: float = quantity(
        1.1, "apparent over active power rating of the converters", ge=1, source="from memory"
    )
    trip_cell_c: float = quantity(60.0, "cell temperature at which a container trips", gt=45, source="from memory")
    bms_trips_per_year: float = quantity(0.5, "false trips of a container", ge=0, source="from memory")
    bms_repair_h: float = quantity(8.0, "mean time to clear one", gt=0, source="from memory")
    ageing_model: Literal["blast", "naumann"] = quantity(
        "blast", "how its cells lose capacity: as BLAST-Lite has it, or Naumann et al., twice as fast"
    )
    feeder_km: float = quantity(1.5, "length of the 35 kV feeder", gt=0)

    def declare(self, plan: Plan) -> None:
        """Add the 35 kV bus and the converter bus."""
        add_bus(plan, f"{self.name}.mv", 35.0, self.name, depends=(self.bus,))
        add_bus(plan, f"{self.name}.pcs", 0.69, self.name, depends=(f"{self.name}.mv",))

    def lower(self, plan: Plan) -> None:
        """Add feeder, step-up transformer and the containers."""
        section = plan.bus_index(self.bus, f"{self.kind}.{self.name}.bus")
        high, low = plan.buses[f"{self.name}.mv"], plan.buses[f"{self.name}.pcs"]
        feeder = cable_branch(
            f"{self.name}.feeder", self.name, section, high, vn_kv=35.0, length_km=self.feeder_km, r_ohm_km=0.02,
            x_ohm_km=0.04, c_nf_km=1000.0, rate_mva=1.2 * self.power_mw,
        )  # fmt: skip
        add_branch(plan, feeder, power=True, asset=False)
        step_up = transformer_branch(
            f"{self.name}.xfmr", self.name, high, low, sn_mva=1.15 * self.power_mw, vk_percent=7.0, vkr_percent=0.8,
            pfe_kw=1.0 * self.power_mw, i0_percent=0.2,
        )  # fmt: skip
        add_branch(plan, step_up, asset=False)
        if self.grid_forming:
            plan.forming[low] = (100 + plan.count("block"), 1.0)
        block = plan.add("block")
        first = plan.count("store")
        for k in range(self.containers_count):
            self._add_container(plan, low, block, k)
        plan.components_at[self.name] = first
        self._add_asset(plan, block, first)

    def _add_container(self, plan: Plan, bus: int, block: int, k: int) -> None:
        energy_mwh = self.energy_mwh / self.containers_count
        scale = energy_mwh / CONTAINER_MWH
        cells = CELLS_PER_CONTAINER * scale
        rated_w = self.power_mw * 1e6 / self.containers_count
        # PCS: loss/rated = 0.0045 + 0.0035 p + 0.0095 p², η(1) = 98.3 %, η(0.1) = 95 % (Notton's form, from memory)
        index = plan.add(
            "store", bus=bus, block=block, cells=cells, q_ah=CELL_AH, r0_ohm=self.r0_mohm * 1e-3,
            r1_ohm=self.r1_mohm * 1e-3, r2_ohm=self.r2_mohm * 1e-3, pcs_rated_w=rated_w,
            s_rated_va=self.apparent_share * rated_w, pcs_loss_0=0.0045,
            pcs_loss_1=0.0035, pcs_loss_2=0.0095, standby_w=self.standby_kw * 1e3, soc_min=self.soc_min_share,
            soc_max=self.soc_max_share, c_cell_j_k=cells * self.cell_kg * self.cell_heat_j_kg_k,
            c_cool_j_k=COOLANT_L * scale * COOLANT_J_L_K, g_on_w_k=self.coolant_kw_k * 1e3 * scale,
            g_off_w_k=1.5e3 * scale, g_ambient_w_k=self.ambient_kw_k * 1e3 * scale,
            chiller_w=self.chiller_kw * 1e3 * scale, chiller_cop=self.chiller_cop_factor, aux_w=self.aux_kw * 1e3,
            pump_w=1.5e3, soc=self.soc_start_share, aux_now_w=self.aux_kw * 1e3,
        )  # fmt: skip
        name = f"{self.name}.c{k + 1:02}"
        plan.channel(f"{name}.soc", Place("store", "soc", index), "1", self.channels["c*.soc"][1], kind="state")
        plan.channel(
            f"{name}.cell_c", Place("store", "cell_c", index), "°C", self.channels["c*.cell_c"][1], kind="state"
        )
        plan.channel(f"{name}.p_kw", Place("store", "p_w", index), "kW", self.channels["c*.p_kw"][1], scale=1e-3)
        place = Place("store", "cell_c", index)
        plan.guard(Guard(f"{name}.hot", name, place, self.trip_cell_c, reset=45.0, asset=name))
        places = {"in_service": (Place("store", "in_service", index),), "derate": (Place("store", "derate", index),)}
        plan.asset(Asset(name, "container", self.name, (), places, (self.name,), f"{self.name}.pcs"))

    def _add_asset(self, plan: Plan, block: int, first: int) -> None:
        members = range(first, first + self.containers_count)
        roles = {"in_service": "commissioned", "derate": "derate", "commission": "commissioned"}
        places = {role: tuple(Place("store", column, i) for i in members) for role, column in roles.items()}
        plan.asset(
            Asset(self.name, self.kind, self.name, (f"{self.name}.feeder",), places, (self.bus,), f"{self.name}.pcs")
        )
        columns: dict[str, tuple[str, float, Kind]] = {
            "soc": ("soc", 1.0, "state"),
            "cell_max_c": ("cell_max_c", 1.0, "state"),
            "soh": ("soh", 1.0, "state"),
        }
        for suffix, (column, scale, kind) in columns.items():
            unit, text = self.channels[suffix]
            name = f"{self.name}.{suffix}"
            plan.channel(name, Place("block", column, block), unit, text, kind=kind, scale=scale)
        plan.channel(
            f"{self.name}.p_mw", Place("block", "p_w", block), "MW", "power of the containers, discharge positive",
            scale=1e-6,
        )  # fmt: skip

    def behave(self, world: World, me: Actor) -> Behaviour:
        """Start a management system for every container; age the cells once a day."""
        if me.phase == "idle":
            me.phase = "running"
            for k in range(self.containers_count):
                world.start("container", f"{self.name}.c{k + 1:02}", owner=self.name, unit=k)
            pool = Pool(self.name, "container", self.containers_count, self.bms_trips_per_year, self.bms_repair_h)
            start_pool(world, pool, "store", "in_service", world.plan.components_at[self.name], each=True)
            me.task("day", world.next_local_day(world.now))
            world.wake_for_tasks(me)
        while True:
            yield world.wait(me)
            world.take(me)
            for _ in me.due_tasks(world.now):
                if world.commissioned(self.name):
                    self.age(world)
                me.task("day", world.next_local_day(world.now))
            world.wake_for_tasks(me)

    def age(self, world: World) -> None:
        """Add a day's calendar and cycle fade to every container of the block (twin.ageing), in place."""
        first = world.plan.components_at[self.name]
        at = slice(first, first + self.containers_count)
        read = {name: world.arena.column("store", name)[at] for name in (
            "throughput_ah", "soc_lo", "soc_hi", "soc_s", "temp_s", "age_s", "q_ah", "q_factor", "r_factor",
            "fade_calendar", "fade_cycle",
        )}  # fmt: skip
        age_s = read["age_s"]
        days = age_s / 86400.0
        depth = np.maximum(read["soc_hi"] - read["soc_lo"], 0.0)
        temp_c = read["temp_s"] / age_s + 1.5  # the stressed cells are warmer than the mean (docs/physics.md)
        cycles = read["throughput_ah"] / (2.0 * read["q_ah"])
        c_rate = read["throughput_ah"] / read["q_ah"] / (age_s / 3600.0)
        law = MODELS[self.ageing_model]
        calendar, cycle = law.calendar_rate(temp_c, read["soc_s"] / age_s), law.cycle_rate(temp_c, depth, c_rate)
        read["fade_calendar"][:] = grow(read["fade_calendar"], calendar, law.calendar_power, days)
        read["fade_cycle"][:] = grow(read["fade_cycle"], cycle, law.cycle_power, cycles)
        fade = read["fade_calendar"] + read["fade_cycle"]
        read["q_factor"][:] = 1.0 - fade
        read["r_factor"][:] = 1.0 + 1.75 * fade  # resistance grows 1.5–2 times the capacity lost (from memory)
        for name, start in (
            ("throughput_ah", 0.0),
            ("soc_lo", 1.0),
            ("soc_hi", 0.0),
            ("soc_s", 0.0),
            ("temp_s", 0.0),
            ("age_s", 0.0),
        ):
            read[name][:] = start


def container(world: World, me: Actor) -> Behaviour:
    """The management system of one container: a hot cell trips it; it returns when cool, after an inspection."""
    while True:
        yield world.wait(me)
        alarms = world.take(me)
        if alarms:
            seq = world.emit(
                "trip", me.name, "tripped by its management system: cells too hot", priority=2,
                value=world.guard_value(alarms[0]), cause=world.cause_of(me.name),
            )  # fmt: skip
            world.act("fail", me.name, cause=seq, quiet=True)
            me.phase = "cooling"
            world.wake(me, world.now + 4 * MS_PER_HOUR, cuts=True)
        elif me.phase == "cooling" and me.due(world.now):
            me.phase = "idle"
            world.act("repair", me.name, cause=None)
