"""Every table and column the compiled plant knows, declared once.

``setup.py`` turns this file into the structs of the kernels (``tables.pxd``), ``twin.plan`` into arrays. It therefore
imports nothing but the standard library. All columns end in one buffer, the arena, in four regions:

* ``param``: fixed while a step runs; changed only by events such as ageing or a replaced part
* ``setpoint``: what behaviours and callers write
* ``state``: what a step integrates; copied before each step so that a guard can undo it
* ``out``: results of the last step, recomputed by each

The suffix of a column is its unit: W, J, °C, per unit, W/K, s; ``share`` runs from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Region = Literal["param", "setpoint", "state", "out"]
REGIONS: tuple[Region, ...] = ("param", "setpoint", "state", "out")


@dataclass(frozen=True)
class Column:
    """One quantity of a table: its region, what an element starts with, its type, how many numbers an element has."""

    region: Region
    default: float = 0.0
    dtype: str = "f8"
    width: int = 1


def _param(default: float = 0.0) -> Column:
    return Column("param", default)


def _index(default: int = -1) -> Column:
    return Column("param", default, "i4")


def _set(default: float = 0.0) -> Column:
    return Column("setpoint", default)


def _state(default: float = 0.0) -> Column:
    return Column("state", default)


def _out(width: int = 1) -> Column:
    return Column("out", 0.0, "f8", width)


TABLES: Mapping[str, Mapping[str, Column]] = {
    # where the site meets the grid; one row per tie
    "grid": {
        "bus": _index(), "vm_pu": _set(1.0), "in_service": _set(1.0),
        "import_limit_w": _set(), "export_limit_w": _set(),
        "p_w": _out(), "q_var": _out(),
    },
    # source: a solar block behind its inverters
    "source": {
        "bus": _index(), "profile": _index(), "dc_peak_w": _param(), "ac_rated_w": _param(), "pdc0_w": _param(),
        "loss_0": _param(), "loss_1": _param(), "loss_2": _param(),
        "derate_from_c": _param(45.0), "derate_per_k": _param(0.01),
        "qv_dead_pu": _param(0.02), "qv_slope": _param(6.0), "qv_lag_s": _param(2.17), "qv_gain": _param(1.5),
        "s_rated_va": _param(),
        "commissioned": _set(1.0), "in_service": _set(1.0), "derate": _set(1.0), "limit_share": _set(1.0),
        "soiling_share": _set(0.0), "stowed": _set(0.0), "tripped": _set(0.0),
        "q_var": _state(),
        "available_w": _out(), "p_w": _out(), "curtailed_w": _out(), "alive": _out(),
    },
    # source that burns fuel: runs when a behaviour has started it
    "genset": {
        "bus": _index(), "rated_w": _param(), "running": _set(0.0), "derate": _set(1.0), "p_w": _out(),
    },
    # store + converter + node: one battery container with its power conversion
    "store": {
        "bus": _index(), "block": _index(), "cells": _param(), "q_ah": _param(),
        "r0_ohm": _param(), "r1_ohm": _param(), "r2_ohm": _param(),
        "pcs_rated_w": _param(), "s_rated_va": _param(), "pcs_loss_0": _param(), "pcs_loss_1": _param(),
        "pcs_loss_2": _param(),
        "standby_w": _param(), "soc_min": _param(), "soc_max": _param(),
        "c_cell_j_k": _param(), "c_cool_j_k": _param(), "g_on_w_k": _param(),
        "g_off_w_k": _param(),
        "g_ambient_w_k": _param(), "chiller_w": _param(), "chiller_cop": _param(), "aux_w": _param(),
        "pump_w": _param(),
        "cool_on_c": _param(26.5), "cool_off_c": _param(23.5),
        "q_factor": _param(1.0), "r_factor": _param(1.0), "fade_calendar": _param(), "fade_cycle": _param(),
        "commissioned": _set(1.0), "in_service": _set(1.0), "derate": _set(1.0),
        "soc": _state(0.5), "v1_v": _state(), "v2_v": _state(), "cell_c": _state(25.0), "cool_c": _state(24.0),
        "cooling": _state(), "aux_now_w": _state(1.0),
        "throughput_ah": _state(), "soc_lo": _state(1.0), "soc_hi": _state(0.0), "soc_s": _state(), "temp_s": _state(),
        "age_s": _state(), "total_ah": _state(),
        "emf_v": _out(), "r_ohm": _out(), "discharge_w": _out(), "charge_w": _out(), "p_w": _out(), "i_a": _out(),
        "v_cell": _out(), "loss_w": _out(), "heat_w": _out(), "alive": _out(), "chilled_w": _out(), "drawn_w": _out(),
        "off_w": _out(), "q_var": _out(), "q_room_var": _out(), "floor_now": _out(),
    },
    # sums over the containers of a battery block
    "block": {"p_w": _out(), "soc": _out(), "cell_max_c": _out(), "soh": _out(), "q_ah": _out()},
    # converter: what stands between a board's busbar and the racks (UPS), two ports and a loss curve
    "board": {
        "bus": _index(), "hall": _index(), "rated_w": _param(), "loss_0": _param(), "loss_1": _param(),
        "loss_2": _param(), "tan_phi": _param(0.1), "in_service": _set(1.0),
        "out_w": _out(), "in_w": _out(), "loss_w": _out(), "alive": _out(),
    },
    # load + two nodes: a row group of racks on its coolant distribution unit; the rows of a hall stand together
    "row": {
        "board_a": _index(), "board_b": _index(), "loop": _index(), "racks": _param(), "idle_w": _param(),
        "psu_rated_w": _param(), "psu_loss_0": _param(), "psu_loss_1": _param(), "psu_loss_2": _param(),
        "liquid_share": _param(), "c_die_j_k": _param(), "g_die_w_k": _param(), "c_tcs_j_k": _param(),
        "die_k_j": _param(), "tcs_k_j": _param(),
        "tcs_w_k": _param(), "fws_w_k": _param(), "ua_w_k": _param(), "cdu_pump_w": _param(),
        "tcs_set_c": _param(), "tcs_above_fws_k": _param(),
        "bbu_full_j": _param(), "bbu_charge_w": _param(),
        "commissioned": _set(1.0), "pump_share": _set(1.0), "pump_ua_share": _set(1.0), "throttle": _set(1.0),
        "tripped": _set(0.0),
        "die_c": _state(60.0), "tcs_c": _state(42.0), "bbu_j": _state(),
        "demand_w": _out(), "p_w": _out(), "run_w": _out(), "bbu_w": _out(), "heat_j": _out(), "air_w": _out(),
        "fed": _out(), "supply_c": _out(), "unserved_w": _out(),
        "share_a": _out(), "pump_draw_w": _out(), "pump_on": _out(), "board_w": _out(), "shed": _out(),
        "jobs_w": _out(), "valve": _out(), "ge_w_k": _out(), "sink_w_k": _out(), "sink_c": _out(), "off_w": _out(),
    },
    # two nodes and a cooler: the facility water loop of a hall with its pumps, dry coolers and air side
    "loop": {
        "bus_a": _index(), "bus_b": _index(), "row_first": _index(), "row_last": _index(),
        "c_supply_j_k": _param(), "c_return_j_k": _param(), "flow_w_k": _param(), "q_design_w": _param(),
        "pumps": _param(), "pumps_needed": _param(), "pump_w": _param(), "pump_ups_j": _param(),
        "banks": _param(), "bank_ua_w_k": _param(), "bank_air_w_k": _param(), "bank_fan_w": _param(),
        "adiabatic_share": _param(), "adiabatic_from_c": _param(), "set_min_c": _param(), "set_max_c": _param(),
        "set_above_air_k": _param(), "air_cop": _param(), "c_air_j_k": _param(), "air_set_c": _param(),
        "tan_phi": _param(0.48),
        "tower": _param(), "cycles": _param(4.0), "drift_share": _param(), "flow_kg_s": _param(), "tank_kg": _param(),
        "chillers": _param(), "chiller_w": _param(742e3), "chiller_cop": _param(5.42), "chilled_c": _param(7.0),
        "condenser_above_k": _param(4.0), "chillers_in_service": _set(),
        "pumps_in_service": _set(), "banks_in_service": _set(), "fouling_share": _set(0.0), "water": _set(1.0),
        "running": _set(1.0), "commissioned": _set(1.0),
        "supply_c": _state(34.0), "return_c": _state(42.0), "air_c": _state(26.0), "fan": _state(0.5),
        "banks_on": _state(), "stage_s": _state(), "wet": _state(), "flow": _state(0.6), "flow_set": _state(0.6),
        "ups_j": _state(), "power_w": _state(), "stored_kg": _state(), "chillers_on": _state(1.0),
        "chiller_s": _state(),
        "wet_slope": _out(), "blowdown_kg_s": _out(), "drift_kg_s": _out(), "used_kg_s": _out(), "makeup_kg_s": _out(),
        "water_off_kg_s": _out(), "chiller_plr": _out(),
        "heat_in_w": _out(), "heat_out_w": _out(), "fans_w": _out(), "pumps_w": _out(), "air_w": _out(),
        "water_kg_s": _out(), "fed": _out(), "alive": _out(), "it_w": _out(), "supply_tcs_max_c": _state(40.0),
        "die_max_c": _out(), "drawn_w": _out(), "ups_w": _out(), "cdu_w": _out(), "air_el_w": _out(),
        "leak_w": _out(), "off_w": _out(),
    },
    # plain load
    "aux": {"bus": _index(), "demand_w": _param(), "in_service": _set(1.0), "p_w": _out()},
    # the rule that shares power inside a step; one row
    "rule": {
        "charge_share": _set(1.0), "discharge_share": _set(1.0), "soc_floor": _set(0.0), "soc_ceiling": _set(1.0),
        "charge_from_grid_w": _set(0.0), "import_target_w": _set(0.0), "cap_floor": _set(0.6),
        "pv_limit_w": _set(1e12),
    },
    # power share each tier of jobs is allowed, multiples of 1/1024, and what the queue was last told; four rows
    "tier": {"cap": _state(1.0), "told": _state(1.0), "dynamic_w": _out()},
    # energised islands of the network, by the number the power flow gives them
    "island": {"loss_w": _state(), "loss_var": _state()},
    # site roll-up, one row; the kernel fills it
    "site": {
        "grid_w": _out(), "grid_var": _out(), "solar_w": _out(), "solar_available_w": _out(), "curtailed_w": _out(),
        "battery_w": _out(), "soc": _out(), "genset_w": _out(), "it_w": _out(), "cooling_w": _out(),
        "auxiliary_w": _out(), "losses_w": _out(), "load_w": _out(), "unserved_w": _out(), "frequency_hz": _out(),
        "pue": _out(), "ghi_w_m2": _out(), "temp_c": _out(), "wet_bulb_c": _out(), "wind_m_s": _out(),
        "gust_m_s": _out(), "rain_mm_h": _out(), "dust_mg_m3": _out(),
        "running": _out(), "queued": _out(), "utilisation": _out(), "cap": _out(), "water_kg_s": _out(),
        "gpus_used": _out(), "gpus_online": _out(), "mismatch_w": _out(), "bbu_w": _out(),
        "energy_residual_pu": _out(), "heat_residual_pu": _out(), "water_residual_pu": _out(),
        "battery_loss_w": _out(), "ups_loss_w": _out(), "network_loss_w": _out(),
    },
    # sums since the start of the run, J unless said otherwise; one row
    "ledger": {
        name: _state()
        for name in (
            "solar_available", "solar_used", "curtailed", "grid_import", "grid_export", "battery_charge",
            "battery_discharge", "genset", "it", "cooling", "auxiliary", "losses", "unserved", "mismatch", "water_kg",
            "steps", "fine_steps", "windows", "seconds", "throughput", "energy_drift", "worst_energy_pu",
            "worst_heat_pu", "solves", "iterations", "worst_mismatch_pu", "guards", "rows_up_s", "rows_s",
            "heat_water", "heat_air", "heat_walls", "evaporated_kg", "makeup_kg", "worst_water_pu",
        )
    },
    # results of the power flow, in the order of Plan.bus_list and Plan.branches
    "bus": {"vm_pu": _state(1.0), "alive": _state(1.0), "tied": _state(1.0)},
    "branch": {"loading_pu": _out(), "p_from_w": _out(), "q_from_var": _out(), "loss_w": _out()},
}  # fmt: skip
"""Every table and column the plant knows."""


def _c_type(column: Column) -> str:
    return "i32*" if column.dtype == "i4" else "f64*"


def kernel_header() -> str:
    """The text of ``tables.pxd``: a struct of pointers for each table and the function that binds it to an arena."""
    lines = ['"""Generated from twin/tables.py by setup.py."""', "", "from .types cimport f64, i32, i64", ""]
    for table, columns in TABLES.items():
        name = f"{table.capitalize()}Table"
        lines += [f"ctypedef struct {name}:", "    i64 n"]
        lines += [f"    {_c_type(column)} {column_name}" for column_name, column in columns.items()]
        lines += ["", f"cdef inline int bind_{table}({name}* t, object arena) except -1:"]
        lines += [f'    t.n = arena.count("{table}")']
        lines += [
            f'    t.{column_name} = <{_c_type(column)}><size_t>arena.address("{table}", "{column_name}")'
            for column_name, column in columns.items()
        ]
        lines += ["    return 0", ""]
    return "\n".join(lines) + "\n"
