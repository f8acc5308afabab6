"""Stores: a battery container as cells, power conversion and coolant.

Equivalent circuit with two RC pairs, current from power by the quadratic, exact discretisation for a constant
current; two coupled thermal nodes (cells, coolant) exact for constant inputs. Discharge is positive.
"""

from .linear2 cimport Step2, step2
from .sources cimport curve_loss_w
from .tables cimport StoreTable
from .types cimport abs_, exp_, f64, f64_cr, f64_r, i64, max_, min_, sqrt_


cdef enum:
    OCV_POINTS = 51

cdef inline f64 open_circuit_v(const f64* ocv_v, f64 soc) noexcept nogil:
    """Open-circuit voltage of a cell by the 51-point table, linear between points, held beyond its ends."""
    cdef f64 y = min_(max_(soc, 0.0), 1.0) * (OCV_POINTS - 1)
    cdef int k = <int> y
    k = k if k < OCV_POINTS - 2 else OCV_POINTS - 2
    return ocv_v[k] + (ocv_v[k + 1] - ocv_v[k]) * (y - k)


cdef inline void store_limits(StoreTable* t, const f64* ocv_v, const f64* alive, f64 floor, f64 ceiling,
                              f64 h_s) noexcept nogil:
    """What each container can give and take over the next ``h_s`` seconds, W at the AC side, both >= 0.

    Limits: state of charge, cell voltage 2.5 and 3.65 V, temperature derating (charge 0 at 0 °C to full at 10 °C,
    both fall from 45 to 0 at 55 °C), rating of the power conversion, derating and service (PHYSICS page §3.2).
    Resistance: Arrhenius with 20 kJ/mol, x1.3 below 10 % state of charge.
    """
    cdef i64 i
    cdef f64 x, temp, r, room_ah, hot, cold, dis_a, chg_a, on, loss_0, dc_w
    for i in range(t.n):
        x = t.soc[i]
        temp = t.cell_c[i]
        t.emf_v[i] = open_circuit_v(ocv_v, x) - t.v1_v[i] - t.v2_v[i]
        r = t.r0_ohm[i] * t.r_factor[i] * exp_(2405.5 / (temp + 273.15) - 2405.5 / 298.15)
        t.r_ohm[i] = r * (1.3 if x < 0.1 else 1.0)
    for i in range(t.n):
        x = t.soc[i]
        temp = t.cell_c[i]
        room_ah = t.q_ah[i] * t.q_factor[i] * (3600.0 / h_s)
        hot = min_(max_((55.0 - temp) * 0.1, 0.0), 1.0)
        cold = min_(max_(temp * 0.1, 0.0), 1.0)
        dis_a = min_((x - max_(t.soc_min[i], floor)) * room_ah, (t.emf_v[i] - 2.5) / t.r_ohm[i])
        chg_a = min_((min_(t.soc_max[i], ceiling) - x) * room_ah, (3.65 - t.emf_v[i]) / t.r_ohm[i])
        # at the maximum-power point the quadratic has one root; stay on its stable side
        dis_a = max_(min_(dis_a, 0.5 * t.emf_v[i] / t.r_ohm[i]), 0.0)
        chg_a = max_(chg_a, 0.0)
        on = t.in_service[i] * t.commissioned[i] * alive[t.bus[i]]
        t.alive[i] = on
        loss_0 = t.pcs_rated_w[i] * t.pcs_loss_0[i]
        dc_w = t.cells[i] * dis_a * (t.emf_v[i] - dis_a * t.r_ohm[i])
        dc_w = (dc_w - loss_0) / (1.0 + t.pcs_loss_1[i] + t.pcs_loss_2[i])  # the loss is at most this line
        t.discharge_w[i] = max_(min_(dc_w, t.pcs_rated_w[i]), 0.0) * hot * t.derate[i] * on
        dc_w = t.cells[i] * chg_a * (t.emf_v[i] + chg_a * t.r_ohm[i])
        dc_w = dc_w + loss_0 if dc_w > loss_0 else 0.0
        t.charge_w[i] = min_(dc_w, t.pcs_rated_w[i]) * min_(hot, cold) * t.derate[i] * on


cdef inline void march_stores(StoreTable* t, const f64* ocv_v, f64 ambient_c, f64 h_s) noexcept nogil:
    """Advance charge, polarisation, temperatures and ageing sums by ``h_s`` with AC power ``p_w`` held."""
    cdef i64 i
    cdef f64 p, idle, dc_w, disc, amp, a1, a2, v1n, v2n, heat
    # one time constant pair for all cells of the site: the exponentials are taken once
    a1 = exp_(-h_s / 45.0)
    a2 = exp_(-h_s / 1500.0)
    for i in range(t.n):
        p = t.p_w[i]
        idle = 1.0 if abs_(p) < 1.0 else 0.0
        t.loss_w[i] = (1.0 - idle) * curve_loss_w(abs_(p), t.pcs_rated_w[i], t.pcs_loss_0[i], t.pcs_loss_1[i],
                                                  t.pcs_loss_2[i])
        dc_w = (1.0 - idle) * (p + t.loss_w[i]) / t.cells[i]
        disc = max_(t.emf_v[i] * t.emf_v[i] - 4.0 * t.r_ohm[i] * dc_w, 0.0)
        amp = (t.emf_v[i] - sqrt_(disc)) / (t.r_ohm[i] + t.r_ohm[i])
        t.i_a[i] = amp
        t.v_cell[i] = t.emf_v[i] - amp * t.r_ohm[i]
        v1n = t.v1_v[i] * a1 + amp * t.r1_ohm[i] * (1.0 - a1)
        v2n = t.v2_v[i] * a2 + amp * t.r2_ohm[i] * (1.0 - a2)
        heat = amp * amp * t.r_ohm[i] + t.v1_v[i] * t.v1_v[i] / t.r1_ohm[i] + t.v2_v[i] * t.v2_v[i] / t.r2_ohm[i]
        t.heat_w[i] = t.cells[i] * heat
        t.v1_v[i] = v1n
        t.v2_v[i] = v2n
    for i in range(t.n):
        p = t.i_a[i] * (h_s / 3600.0)
        t.soc[i] = t.soc[i] - p / (t.q_ah[i] * t.q_factor[i])
        t.throughput_ah[i] += abs_(p)
        t.total_ah[i] += abs_(p)
        t.soc_lo[i] = min_(t.soc_lo[i], t.soc[i])
        t.soc_hi[i] = max_(t.soc_hi[i], t.soc[i])
        t.soc_s[i] += t.soc[i] * h_s
        t.temp_s[i] += t.cell_c[i] * h_s
        t.age_s[i] += h_s


cdef inline f64 march_store_heat(StoreTable* t, f64 ambient_c, f64 h_s) noexcept nogil:
    """Advance cell and coolant temperature and the chiller; return the largest heat residual, W."""
    cdef i64 i
    cdef f64 g, ga, c1, c2, on, qc, cop, t1s, t2s, u, w, un, wn, out_j, res, idle, worst = 0.0
    cdef Step2 m
    for i in range(t.n):
        on = 1.0 if t.cell_c[i] > t.cool_on_c[i] else (0.0 if t.cell_c[i] < t.cool_off_c[i] else t.cooling[i])
        on = on * (1.0 if t.alive[i] > 0.0 else 0.0)
        t.cooling[i] = on
        g = t.g_on_w_k[i] if on > 0.5 else t.g_off_w_k[i]
        ga = t.g_ambient_w_k[i]
        c1 = t.c_cell_j_k[i]
        c2 = t.c_cool_j_k[i]
        qc = on * t.chiller_w[i] * min_(max_((t.cool_c[i] - 12.0) * 0.2, 0.0), 1.0)
        t.chilled_w[i] = qc
        cop = t.chiller_cop[i] * (1.0 - 0.02 * max_(ambient_c - 35.0, 0.0))
        idle = t.standby_w[i] if abs_(t.p_w[i]) < 1.0 else 0.0
        t.aux_now_w[i] = (t.aux_w[i] + idle + on * t.pump_w[i] + qc / cop) * (1.0 if t.alive[i] > 0.0 else 0.0)
        m = step2(-((g + ga) / c1 + g / c2), ga * g / (c1 * c2), h_s)
        t1s = ambient_c + (t.heat_w[i] - qc) / ga
        t2s = t1s - qc / g
        u = t.cell_c[i] - t1s
        w = t.cool_c[i] - t2s
        un = m.f0 * u + m.f1 * (g * (w - u) - ga * u) / c1
        wn = m.f0 * w + m.f1 * g * (u - w) / c2
        out_j = ga * (m.g0 * u + m.g1 * (g * (w - u) - ga * u) / c1 + (t1s - ambient_c) * h_s) + qc * h_s
        res = c1 * (un - u) + c2 * (wn - w) - t.heat_w[i] * h_s + out_j
        worst = max_(worst, abs_(res))
        t.cell_c[i] = t1s + un
        t.cool_c[i] = t2s + wn
    return worst / h_s
