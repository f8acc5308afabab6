"""Stores: a battery container as cells, power conversion and coolant.

Equivalent circuit with two RC pairs, current from power by the quadratic, exact discretisation for a constant
current; two coupled thermal nodes (cells, coolant) exact for constant inputs. Discharge is positive.
"""

from .lanes cimport worst_of
from .linear2 cimport Step2, step2
from .tables cimport StoreTable
from .types cimport abs_, exp_, f64, f64_cr, f64_r, i64, max_, min_, sqrt_


cdef enum:
    OCV_POINTS = 51

# As in thermal.pxd: short passes over plain columns, so that each loop vectorises.

cdef inline void store_state(i64 n, const f64* ocv_v, f64_cr soc, f64_cr v1, f64_cr v2, f64_cr cell_c, f64_cr r0,
                             f64_cr r_factor, f64_r emf, f64_r r_ohm) noexcept nogil:
    """Electromotive force less polarisation, V, and ohmic resistance of a cell.

    Resistance: Arrhenius with 20 kJ/mol around 25 °C, × 1.3 below 10 % state of charge (docs/physics.md).
    """
    cdef i64 i
    cdef int k
    cdef f64 y
    for i in range(n):
        y = min_(max_(soc[i], 0.0), 1.0) * (OCV_POINTS - 1)
        k = <int> min_(y, OCV_POINTS - 2)
        emf[i] = ocv_v[k] + (ocv_v[k + 1] - ocv_v[k]) * (y - k) - v1[i] - v2[i]
    for i in range(n):
        y = r0[i] * r_factor[i] * exp_(2405.5 / (cell_c[i] + 273.15) - 2405.5 / 298.15)
        r_ohm[i] = y * (1.3 if soc[i] < 0.1 else 1.0)


cdef inline void discharge_limit(i64 n, f64 per_h, f64_cr floor, f64_cr soc, f64_cr soc_min, f64_cr q_ah,
                                 f64_cr q_factor, f64_cr emf, f64_cr r_ohm, f64_cr cells, f64_cr cell_c, f64_cr rated_w, f64_cr c0,
                                 f64_cr c1, f64_cr c2, f64_cr derate, f64_cr alive, f64_r limit_w) noexcept nogil:
    """Most that each container can give, W at the AC side: charge above the floor, cell voltage 2.5 V, rating.

    On the stable side of the maximum-power point; full power to 45 °C, none at 55 °C. The converter's loss is at most
    the straight line through its ends, so the charge it takes is never more than there is.
    """
    cdef i64 i
    cdef f64 amp, dc_w, hot
    for i in range(n):
        amp = min_((soc[i] - max_(soc_min[i], floor[i])) * q_ah[i] * q_factor[i] * per_h, (emf[i] - 2.5) / r_ohm[i])
        amp = max_(min_(amp, 0.5 * emf[i] / r_ohm[i]), 0.0)
        dc_w = cells[i] * amp * (emf[i] - amp * r_ohm[i])
        dc_w = (dc_w - rated_w[i] * c0[i]) / (1.0 + c1[i] + c2[i])
        hot = min_(max_((55.0 - cell_c[i]) * 0.1, 0.0), 1.0)
        limit_w[i] = max_(min_(dc_w, rated_w[i]), 0.0) * hot * derate[i] * alive[i]


cdef inline void charge_limit(i64 n, f64 per_h, f64 ceiling, f64_cr soc, f64_cr soc_max, f64_cr q_ah, f64_cr q_factor,
                              f64_cr emf, f64_cr r_ohm, f64_cr cells, f64_cr cell_c, f64_cr rated_w, f64_cr c0,
                              f64_cr derate, f64_cr alive, f64_r limit_w) noexcept nogil:
    """Most that each container can take, W at the AC side: room below the ceiling, cell voltage 3.65 V, rating.

    No charge at 0 °C, full from 10 °C on, none at 55 °C.
    """
    cdef i64 i
    cdef f64 amp, dc_w, fit
    for i in range(n):
        amp = min_((min_(soc_max[i], ceiling) - soc[i]) * q_ah[i] * q_factor[i] * per_h, (3.65 - emf[i]) / r_ohm[i])
        amp = max_(amp, 0.0)
        dc_w = cells[i] * amp * (emf[i] + amp * r_ohm[i])
        dc_w = dc_w + rated_w[i] * c0[i] if dc_w > rated_w[i] * c0[i] else 0.0
        fit = min_(max_((55.0 - cell_c[i]) * 0.1, 0.0), min_(max_(cell_c[i] * 0.1, 0.0), 1.0))
        limit_w[i] = min_(dc_w, rated_w[i]) * min_(fit, 1.0) * derate[i] * alive[i]


cdef inline void store_limits(StoreTable* t, const f64* ocv_v, const f64* alive, const f64* tied, f64 floor,
                              f64 ceiling, f64 h_s) noexcept nogil:
    """What each container can give and take over the next ``h_s`` seconds, W at the AC side, both >= 0.

    ``floor`` is kept for an outage of the grid: in an island without a tie (``tied`` 0) it is there to be used.
    """
    cdef i64 i
    for i in range(t.n):
        t.alive[i] = t.in_service[i] * t.commissioned[i] * alive[t.bus[i]]
        t.floor_now[i] = floor * tied[t.bus[i]]
    store_state(t.n, ocv_v, t.soc, t.v1_v, t.v2_v, t.cell_c, t.r0_ohm, t.r_factor, t.emf_v, t.r_ohm)
    discharge_limit(t.n, 3600.0 / h_s, t.floor_now, t.soc, t.soc_min, t.q_ah, t.q_factor, t.emf_v, t.r_ohm, t.cells, t.cell_c,
                    t.pcs_rated_w, t.pcs_loss_0, t.pcs_loss_1, t.pcs_loss_2, t.derate, t.alive, t.discharge_w)
    charge_limit(t.n, 3600.0 / h_s, ceiling, t.soc, t.soc_max, t.q_ah, t.q_factor, t.emf_v, t.r_ohm, t.cells, t.cell_c,
                 t.pcs_rated_w, t.pcs_loss_0, t.derate, t.alive, t.charge_w)


cdef inline void store_current(i64 n, f64_cr p_w, f64_cr rated_w, f64_cr c0, f64_cr c1, f64_cr c2, f64_cr cells,
                               f64_cr emf, f64_cr r_ohm, f64_r loss_w, f64_r i_a, f64_r v_cell) noexcept nogil:
    """Converter loss, and the cell current that the AC power needs: the smaller root of the quadratic."""
    cdef i64 i
    cdef f64 busy, x, dc_w, disc
    for i in range(n):
        busy = 0.0 if abs_(p_w[i]) < 1.0 else 1.0
        x = abs_(p_w[i]) / rated_w[i]
        loss_w[i] = busy * rated_w[i] * (c0[i] + x * (c1[i] + x * c2[i]))
        dc_w = busy * (p_w[i] + loss_w[i]) / cells[i]
        disc = max_(emf[i] * emf[i] - 4.0 * r_ohm[i] * dc_w, 0.0)
        i_a[i] = (emf[i] - sqrt_(disc)) / (r_ohm[i] + r_ohm[i])
        v_cell[i] = emf[i] - i_a[i] * r_ohm[i]


cdef inline void store_polarise(i64 n, f64 a1, f64 a2, f64_cr i_a, f64_cr r_ohm, f64_cr r1, f64_cr r2, f64_cr cells,
                                f64_r v1, f64_r v2, f64_r heat_w) noexcept nogil:
    """Heat of the step, W, and the two RC voltages at its end, exact for the current held."""
    cdef i64 i
    cdef f64 amp
    for i in range(n):
        amp = i_a[i]
        heat_w[i] = cells[i] * (amp * amp * r_ohm[i] + v1[i] * v1[i] / r1[i] + v2[i] * v2[i] / r2[i])
        v1[i] = v1[i] * a1 + amp * r1[i] * (1.0 - a1)
        v2[i] = v2[i] * a2 + amp * r2[i] * (1.0 - a2)


cdef inline void store_charge(i64 n, f64 h_s, f64_cr i_a, f64_cr q_ah, f64_cr q_factor, f64_cr cell_c, f64_r soc,
                              f64_r throughput, f64_r total, f64_r lo, f64_r hi, f64_r soc_s, f64_r temp_s,
                              f64_r age_s) noexcept nogil:
    """State of charge after the step, and the sums that ageing reads once a day."""
    cdef i64 i
    cdef f64 ah, x
    for i in range(n):
        ah = i_a[i] * (h_s / 3600.0)
        x = soc[i] - ah / (q_ah[i] * q_factor[i])
        soc[i] = x
        throughput[i] += abs_(ah)
        total[i] += abs_(ah)
        lo[i] = min_(lo[i], x)
        hi[i] = max_(hi[i], x)
        soc_s[i] += x * h_s
        temp_s[i] += cell_c[i] * h_s
        age_s[i] += h_s


cdef inline void march_stores(StoreTable* t, f64 h_s) noexcept nogil:
    """Advance charge, polarisation and ageing sums by ``h_s`` with AC power ``p_w`` held."""
    store_current(t.n, t.p_w, t.pcs_rated_w, t.pcs_loss_0, t.pcs_loss_1, t.pcs_loss_2, t.cells, t.emf_v, t.r_ohm,
                  t.loss_w, t.i_a, t.v_cell)
    # one pair of time constants for all cells of the site (45 and 1500 s, from memory)
    store_polarise(t.n, exp_(-h_s / 45.0), exp_(-h_s / 1500.0), t.i_a, t.r_ohm, t.r1_ohm, t.r2_ohm, t.cells, t.v1_v,
                   t.v2_v, t.heat_w)
    store_charge(t.n, h_s, t.i_a, t.q_ah, t.q_factor, t.cell_c, t.soc, t.throughput_ah, t.total_ah, t.soc_lo, t.soc_hi,
                 t.soc_s, t.temp_s, t.age_s)


cdef inline void store_chillers(i64 n, f64 ambient_c, f64_cr cell_c, f64_cr cool_c, f64_cr on_c, f64_cr off_c,
                                f64_cr alive, f64_cr chiller_w, f64_cr chiller_cop, f64_cr aux_w, f64_cr pump_w,
                                f64_cr standby_w, f64_cr p_w, f64_r cooling, f64_r chilled_w,
                                f64_r aux_now_w) noexcept nogil:
    """Chillers by hysteresis, and what each container's auxiliaries will draw in the next step.

    Coefficient of performance −2 %/K above 35 °C outside; a coolant below 17 °C takes less (docs/physics.md).
    """
    cdef i64 i
    cdef f64 on, up, idle
    for i in range(n):
        up = 1.0 if alive[i] > 0.0 else 0.0
        on = 1.0 if cell_c[i] > on_c[i] else cooling[i]
        on = (0.0 if cell_c[i] < off_c[i] else on) * up
        cooling[i] = on
        chilled_w[i] = on * chiller_w[i] * min_(max_((cool_c[i] - 12.0) * 0.2, 0.0), 1.0)
        idle = standby_w[i] if abs_(p_w[i]) < 1.0 else 0.0
        up = up * (aux_w[i] + idle + on * pump_w[i])
        aux_now_w[i] = up + chilled_w[i] / (chiller_cop[i] * (1.0 - 0.02 * max_(ambient_c - 35.0, 0.0)))


cdef inline void store_heat(i64 n, f64 h_s, f64 ambient_c, f64_cr cooling, f64_cr g_on, f64_cr g_off, f64_cr ga,
                            f64_cr c1, f64_cr c2, f64_cr heat_w, f64_cr chilled_w, f64_r cell_c, f64_r cool_c,
                            f64_r off_w) noexcept nogil:
    """Cell and coolant temperature after the step, exact for constant inputs; what each book is off, W."""
    cdef i64 i
    cdef f64 g, t1s, t2s, u, w, du, dw, un, wn, out_j
    cdef Step2 m
    for i in range(n):
        g = g_on[i] if cooling[i] > 0.5 else g_off[i]
        m = step2(-((g + ga[i]) / c1[i] + g / c2[i]), ga[i] * g / (c1[i] * c2[i]), h_s)
        t1s = ambient_c + (heat_w[i] - chilled_w[i]) / ga[i]
        t2s = t1s - chilled_w[i] / g
        u = cell_c[i] - t1s
        w = cool_c[i] - t2s
        du = (g * (w - u) - ga[i] * u) / c1[i]
        dw = g * (u - w) / c2[i]
        un = m.f0 * u + m.f1 * du
        wn = m.f0 * w + m.f1 * dw
        out_j = ga[i] * (m.g0 * u + m.g1 * du + (t1s - ambient_c) * h_s) + chilled_w[i] * h_s
        off_w[i] = abs_(c1[i] * (un - u) + c2[i] * (wn - w) - heat_w[i] * h_s + out_j) / h_s
        cell_c[i] = t1s + un
        cool_c[i] = t2s + wn


cdef inline f64 march_store_heat(StoreTable* t, f64 ambient_c, f64 h_s) noexcept nogil:
    """Advance cell and coolant temperature and the chiller; return the largest heat residual, W."""
    store_chillers(t.n, ambient_c, t.cell_c, t.cool_c, t.cool_on_c, t.cool_off_c, t.alive, t.chiller_w, t.chiller_cop,
                   t.aux_w, t.pump_w, t.standby_w, t.p_w, t.cooling, t.chilled_w, t.aux_now_w)
    store_heat(t.n, h_s, ambient_c, t.cooling, t.g_on_w_k, t.g_off_w_k, t.g_ambient_w_k, t.c_cell_j_k, t.c_cool_j_k,
               t.heat_w, t.chilled_w, t.cell_c, t.cool_c, t.off_w)
    return worst_of(t.n, t.off_w)
