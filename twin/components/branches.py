"""What lines, transformers and breakers share: admittances from nameplates, channels, the asset with its switch."""

from __future__ import annotations

from twin.network import branch_admittance, line_impedance, transformer_impedance
from twin.plan import Asset, Branch, Guard, Place, Plan


def transformer_branch(
    name: str, asset: str, from_bus: int, to_bus: int, *, sn_mva: float, vk_percent: float, vkr_percent: float,
    pfe_kw: float = 0.0, i0_percent: float = 0.0, ratio: float = 1.0, closed: bool = True,
) -> Branch:  # fmt: skip
    """A two-winding transformer per unit on 100 MVA, from its nameplate."""
    r, x, g_iron, b_iron = transformer_impedance(
        sn_mva=sn_mva, vk_percent=vk_percent, vkr_percent=vkr_percent, pfe_kw=pfe_kw, i0_percent=i0_percent
    )
    y = branch_admittance(r, x, tap_ratio=ratio, g_from_pu=g_iron, b_from_pu=b_iron)
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
    r, x, b = line_impedance(
        r_ohm=r_ohm_km * length_km, x_ohm=x_ohm_km * length_km, c_nf=c_nf_km * length_km, vn_kv=vn_kv,
        frequency_hz=frequency_hz,
    )  # fmt: skip
    y = branch_admittance(r, x, b)
    shown = {"r_pu": r, "x_pu": x, "b_pu": b}
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
            f"{name}.over_{limit_pu * 100:.0f}",
            owner,
            place,
            limit_pu,
            reset=limit_pu - 0.02,
            mode="soft",
            asset=name,
            fine=False,
        )
    )
