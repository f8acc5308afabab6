"""What a hall's heat leaves through, beyond dry air: cooling towers, their water, and chillers.

A tower is a dry cooler whose air takes heat along the saturation line: its capacity flow and its conductance grow by
the ratio of the slope of saturated air's enthalpy to the heat capacity of dry air, and its inlet is the wet bulb
(Merkel's theory with a Lewis number of one, in the form of Braun 1989; docs/physics.md).
"""

from .tables cimport LoopTable
from .types cimport abs_, exp_, f64, i64, max_, min_

cdef extern from *:
    """
    #define TWIN_LATENT_J_KG 2.43e6
    #define TWIN_AIR_J_KG_K 1006.0
    #define TWIN_PLR_LEAST 0.19
    """
    const f64 LATENT_J_KG "TWIN_LATENT_J_KG"    # water at 30 °C
    const f64 AIR_J_KG_K "TWIN_AIR_J_KG_K"      # dry air
    const f64 PLR_LEAST "TWIN_PLR_LEAST"        # below, a chiller cycles (Carrier 19XR of the Buildings library)


cdef inline f64 saturated_j_kg(f64 temp_c, f64 pressure_pa) noexcept nogil:
    """Enthalpy of saturated air per kilogram of dry air, J/kg; Magnus form of Alduchov and Eskridge (1996)."""
    cdef f64 vapour_pa = 610.94 * exp_(17.625 * temp_c / (243.04 + temp_c))
    cdef f64 ratio = 0.62198 * vapour_pa / (pressure_pa - vapour_pa)
    return AIR_J_KG_K * temp_c + ratio * (2.501e6 + 1860.0 * temp_c)


cdef inline f64 wet_slope(f64 wet_c, f64 water_c, f64 pressure_pa) noexcept nogil:
    """How much more heat saturated air takes per kelvin than dry air, between its wet bulb and the mean water.

    The line is convex: with its slope up to the mean water the heat is within 3 % of a grid of cells, up to the
    warmest it would be 6 to 12 % too much.
    """
    cdef f64 hot = min_(max_(water_c, wet_c + 0.5), 75.0)  # beyond 75 °C the line has no meaning for a tower
    return (saturated_j_kg(hot, pressure_pa) - saturated_j_kg(wet_c, pressure_pa)) / ((hot - wet_c) * AIR_J_KG_K)


cdef inline bint has_water(LoopTable* t, i64 k, f64 dry_c, f64 wet_c, f64 h_s) noexcept nogil:
    """Whether the mains, or the tank for the whole step, could supply all that may be needed."""
    cdef f64 most = t.adiabatic_share[k] * (dry_c - wet_c) * t.banks_on[k] * t.bank_air_w_k[k]
    most += t.tower[k] * (1.5 * t.flow_w_k[k] * max_(t.return_c[k] - wet_c, 0.0) + t.q_design_w[k])
    most = most / LATENT_J_KG * t.cycles[k] / (t.cycles[k] - 1.0) + t.drift_share[k] * t.flow_kg_s[k]
    return t.water[k] > 0.5 or t.stored_kg[k] > most * h_s


cdef inline f64 use_water(LoopTable* t, i64 k, f64 wet, f64 pad_w, f64 tower_w, f64 h_s) noexcept nogil:
    """Evaporation, blowdown and drift of the step, and the tank behind the mains. Return what the book is off, kg/s.

    ``pad_w``: the air's own sensible heat that evaporates water; ``tower_w``: the latent part of the heat rejected.
    """
    cdef f64 before = t.stored_kg[k], use, room, off
    t.water_kg_s[k] = wet * (pad_w + tower_w) / LATENT_J_KG
    t.blowdown_kg_s[k] = t.water_kg_s[k] / (t.cycles[k] - 1.0)
    t.drift_kg_s[k] = wet * t.drift_share[k] * t.flow_kg_s[k] * t.flow[k]
    use = t.water_kg_s[k] + t.blowdown_kg_s[k] + t.drift_kg_s[k]
    t.used_kg_s[k] = use
    room = max_(t.tank_kg[k] - before, 0.0)
    # the mains follow the use and refill an empty tank in four hours (from memory)
    t.makeup_kg_s[k] = (use + min_(room / h_s, t.tank_kg[k] / 14400.0)) if t.water[k] > 0.5 else 0.0
    t.stored_kg[k] = min_(before + (t.makeup_kg_s[k] - use) * h_s, t.tank_kg[k])
    off = abs_((t.stored_kg[k] - before) / h_s - (t.makeup_kg_s[k] - use))
    t.water_off_kg_s[k] = off + max_(-t.stored_kg[k], 0.0)
    return t.water_off_kg_s[k]


cdef inline f64 condenser_c(LoopTable* t, i64 k, f64 dry_c, f64 wet_c) noexcept nogil:
    """Water that enters the condensers; a bypass keeps it from getting colder than 11 °C."""
    return max_((wet_c if t.tower[k] > 0.5 else dry_c) + t.condenser_above_k[k], 11.0)


cdef inline f64 chiller_capacity_w(LoopTable* t, i64 k, f64 entering_c) noexcept nogil:
    """What one chiller can take, W: CAPFT of Carrier 19XR 742 kW (Buildings, ElectricEIR). Te, Tc in °C."""
    cdef f64 te = t.chilled_c[k], tc = min_(entering_c, 24.0)
    cdef f64 capft = (0.9797101 - 2.895701e-3 * te - 8.970718e-4 * te * te + 1.031440e-2 * tc - 7.431651e-4 * tc * tc
                      + 1.453508e-3 * te * tc)
    return t.chiller_w[k] * capft


cdef inline f64 chiller_power_w(LoopTable* t, i64 k, f64 load_w, f64 entering_c, f64 h_s) noexcept nogil:
    """Electric power of the chillers that share ``load_w``: EnergyPlus's EIR form; staged at 85 and 60 %.

    The curves hold to 24 °C of condenser water; beyond, power grows with the lift, as Carnot's does. Another chiller
    starts at once where those that run cannot carry the load, and stops ten minutes after the last change.
    """
    cdef f64 te = t.chilled_c[k], tc = min_(entering_c, 24.0)
    cdef f64 one_w = chiller_capacity_w(t, k, entering_c)
    cdef f64 plr, most, eirft, eirfplr
    t.chiller_s[k] = max_(t.chiller_s[k] - h_s, 0.0)
    most = t.chillers_in_service[k]
    t.chillers_on[k] = min_(max_(t.chillers_on[k], 1.0), most)
    while t.chillers_on[k] < most and load_w > 0.85 * t.chillers_on[k] * one_w:
        t.chillers_on[k] += 1.0
        t.chiller_s[k] = 600.0
    if t.chillers_on[k] > 1.0 and t.chiller_s[k] <= 0.0 and load_w < 0.60 * (t.chillers_on[k] - 1.0) * one_w:
        t.chillers_on[k] -= 1.0
        t.chiller_s[k] = 600.0
    plr = load_w / (max_(t.chillers_on[k], 1.0) * one_w)
    most = max_(plr, PLR_LEAST)
    eirft = (0.9946139 - 4.829399e-2 * te + 4.674277e-4 * te * te - 1.158726e-3 * tc + 5.762583e-4 * tc * tc
             + 2.148192e-4 * te * tc)
    eirfplr = 0.1202277 + 0.1396384 * most + 0.7394038 * most * most
    t.chiller_plr[k] = plr
    return (t.chillers_on[k] * one_w / t.chiller_cop[k] * eirft * eirfplr * (plr / most)
            * max_(entering_c - te, tc - te) / (tc - te))
