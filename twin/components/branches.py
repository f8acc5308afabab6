"""What lines, transformers and breakers share: the pi model, loading channels, the asset with its switch."""

from __future__ import annotations

import math

from twin.plan import Asset, Branch, Guard, Place, Plan

BASE_MVA = 100.0


def pi_admittances(
    z: complex, y_shunt: complex, ratio: float = 1.0, shift_deg: float = 0.0, y_iron: complex = 0j
) -> tuple[complex, complex, complex, complex]:
    """(y_ff, y_ft, y_tf, y_tt) of a pi model, pu: series ``z``, total charging ``y_shunt``, tap at the from side.

    MATPOWER's convention (MATPOWER manual, eq. 3.2); ``y_iron`` is a transformer's no-load branch at its from side.
    """
    series = 1.0 / z
    tap = ratio * complex(math.cos(math.radians(shift_deg)), math.sin(math.radians(shift_deg)))
    y_tt = series + y_shunt / 2.0
    return y_tt / abs(tap) ** 2 + y_iron, -series / tap.conjugate(), -series / tap, y_tt


def transformer_branch(
    name: str, asset: str, from_bus: int, to_bus: int, *, sn_mva: float, vk_percent: float, vkr_percent: float,
    pfe_kw: float = 0.0, i0_percent: float = 0.0, ratio: float = 1.0, closed: bool = True,
) -> Branch:  # fmt: skip
    """A two-winding transformer per unit on 100 MVA, from its nameplate."""
    scale = BASE_MVA / sn_mva
    r = vkr_percent / 100.0 * scale
    x = math.sqrt(vk_percent**2 - vkr_percent**2) / 100.0 * scale
    g_iron = pfe_kw / 1000.0 / BASE_MVA
    y_iron = math.sqrt(max((i0_percent / 100.0 * sn_mva / BASE_MVA) ** 2 - g_iron**2, 0.0))
    y = pi_admittances(complex(r, x), 0j, ratio, 0.0, complex(g_iron, -y_iron))
    shown = {
        "sn_mva": sn_mva, "vk_percent": vk_percent, "vkr_percent": vkr_percent, "pfe_kw": pfe_kw,
        "i0_percent": i0_percent, "tap_ratio": ratio,
    }  # fmt: skip
    return Branch(name, asset, "transformer", from_bus, to_bus, *y, rate_mva=sn_mva, closed=closed, attributes=shown)


def cable_branch(
    name: str, asset: str, from_bus: int, to_bus: int, *, vn_kv: float, length_km: float, r_ohm_km: float,
    x_ohm_km: float, c_nf_km: float, rate_mva: float, frequency_hz: float = 50.0,
) -> Branch:  # fmt: skip
    """A line or cable per unit on 100 MVA, from ohms and nanofarads per kilometre."""
    z_base = vn_kv**2 / BASE_MVA
    z = complex(r_ohm_km, x_ohm_km) * length_km / z_base
    b = 2 * math.pi * frequency_hz * c_nf_km * 1e-9 * length_km * z_base
    y = pi_admittances(z, complex(0.0, b))
    shown = {"r_pu": z.real, "x_pu": z.imag, "b_pu": b, "length_km": length_km}
    return Branch(name, asset, "line", from_bus, to_bus, *y, rate_mva=rate_mva, attributes=shown)


def add_branch(plan: Plan, branch: Branch, *, power: bool = False, asset: bool = True, owner: str = "") -> None:
    """Add a branch with its channels and, where ``asset``, the asset whose switch it is."""
    index = len(plan.branches)
    plan.branch(branch)
    if branch.rate_mva > 0.0:
        plan.channel(
            f"{branch.name}.loading_pu", Place("branch", "loading_pu", index), "pu",
            f"loading of {branch.name}, of its {branch.rate_mva:g} MVA", fine=power,
        )  # fmt: skip
    if power:
        plan.channel(
            f"{branch.name}.p_mw", Place("branch", "p_from_w", index), "MW",
            f"power into {branch.name} at its from side", scale=1e-6, fine=True,
        )  # fmt: skip
    if asset:
        plan.asset(Asset(branch.name, branch.kind, owner or branch.asset, switches=(branch.name,)))


def watch_loading(plan: Plan, name: str, owner: str, limit_pu: float) -> None:
    """Wake ``owner`` when the branch is loaded above ``limit_pu``."""
    index = list(plan.branches).index(name)
    place = Place("branch", "loading_pu", index)
    plan.guard(
        Guard(
            f"{name}.over_{limit_pu * 100:.0f}", owner, place, limit_pu, reset=limit_pu - 0.02, mode="soft",
            asset=name, fine=False,
        )  # fmt: skip
    )
