"""Sources: what the solar blocks can deliver, and the loss curve that every converter shares."""

from .types cimport abs_, exp_, f64, i64, max_, min_, sqrt_
from .tables cimport SourceTable


cdef inline f64 curve_loss_w(f64 p_w, f64 rated_w, f64 c0, f64 c1, f64 c2) noexcept nogil:
    """Loss of a converter at throughput ``p_w``: rated·(c0 + c1·x + c2·x²) with x = p/rated."""
    cdef f64 x = p_w / rated_w
    return rated_w * (c0 + x * (c1 + x * c2))


cdef inline void solar_available(SourceTable* t, const float* dc_pu, const float* stow_pu, f64 temp_c,
                                 const f64* vm_pu, const f64* alive, const f64* tied, f64 h_s) noexcept nogil:
    """AC power each block could deliver now, W, and its volt-var reactive power.

    DC power per watt-peak comes from the precomputed profile (two columns: tracking, stowed flat). The inverter is
    PVWatts' curve, quadratic in the DC power, clipped at its rating and derated with temperature; reactive power
    follows the voltage of the last power flow through a first-order lag and yields to active power at the rating.
    The voltage answers to it. With a loop gain L the two settle 1 + L times as fast, and 1/(1 + L) of the way to what
    the voltage asks for now; the step is exact for that feedback held linear. So the lag is one in time, and steps
    long beside it are stable: up to a true gain of 1 + 2 L.
    In an island without a grid tie the storage converters keep the voltage: volt-var of all blocks on one weak
    source would swing.
    """
    cdef i64 i
    cdef f64 pdc, pac, derate, qmax, dv, want, on, loop, share
    for i in range(t.n):
        pdc = (dc_pu[t.profile[i]] * (1.0 - t.stowed[i]) + stow_pu[t.profile[i]] * t.stowed[i]) * t.dc_peak_w[i]
        pdc = pdc * (1.0 - t.soiling_share[i]) * t.in_service[i] * t.commissioned[i]
        derate = 1.0 - t.derate_per_k[i] * max_(temp_c - t.derate_from_c[i], 0.0)
        pac = pdc - curve_loss_w(pdc, t.pdc0_w[i], t.loss_0[i], t.loss_1[i], t.loss_2[i])
        pac = min_(pac, t.ac_rated_w[i] * derate * t.in_service[i] * t.commissioned[i])
        on = alive[t.bus[i]] * (1.0 - t.tripped[i])
        t.alive[i] = on
        t.available_w[i] = max_(pac, 0.0) * t.derate[i]
        dv = 1.0 - vm_pu[t.bus[i]]
        want = max_(abs_(dv) - t.qv_dead_pu[i], 0.0) * t.qv_slope[i] * t.ac_rated_w[i]
        want = (want if dv > 0.0 else -want) * tied[t.bus[i]]
        qmax = sqrt_(max_(t.s_rated_va[i] * t.s_rated_va[i] - pac * pac, 0.0))
        loop = 1.0 + t.qv_gain[i]
        share = (1.0 - exp_(-loop * h_s / t.qv_lag_s[i])) / loop
        t.q_var[i] = min_(max_(t.q_var[i] + share * (want - t.q_var[i]), -qmax), qmax) * on
