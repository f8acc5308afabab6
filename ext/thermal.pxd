"""Heat: rack rows on their coolant distribution units, and the facility water loop of each hall.

A row group is two nodes, dies with cold plates and the technology coolant (TCS), tied to the hall's facility water
(FWS) through a plate heat exchanger; a hall's loop is two nodes, return and supply water, tied to the air through
dry coolers. Both advance exactly for inputs held over a step; what couples them, the facility supply temperature
and the heat, is exchanged once a step, and every joule that leaves a row enters its loop.
"""

from .lanes cimport worst_of
from .linear2 cimport Step2, step2
from .rejection cimport chiller_capacity_w, chiller_power_w, condenser_c, has_water, use_water, wet_slope
from .tables cimport LoopTable, RowTable
from .types cimport abs_, exp_, f64, f64_cr, f64_r, i64, log_, max_, min_, worse

cdef extern from *:
    """
    #define TWIN_VALVE_MOST 1.2
    #define TWIN_VALVE_LEAST 0.1
    #define TWIN_VALVE_AIM 0.95
    #define TWIN_PUMP_RESET_S 120.0
    #define TWIN_AIR_LAG_S 120.0
    #define TWIN_WALL_C 30.0
    """
    const f64 VALVE_MOST "TWIN_VALVE_MOST"      # opening of a CDU's valve: its share of the design flow at full flow
    const f64 VALVE_LEAST "TWIN_VALVE_LEAST"
    const f64 VALVE_AIM "TWIN_VALVE_AIM"        # where the pumps want the neediest valve of the hall
    const f64 PUMP_RESET_S "TWIN_PUMP_RESET_S"  # time constant with which they go there
    const f64 AIR_LAG_S "TWIN_AIR_LAG_S"        # time constant with which air units bring a room to its set-point
    const f64 WALL_C "TWIN_WALL_C"              # walls around a hall (all but Guideline 36's 95 % from memory)

# Loops over rows are cut into short passes over plain columns: each vectorises, and none is so long that its chain of
# divisions and exponentials outruns the processor's window. `f64_r` says that no two columns overlap.

cdef inline void exchange(i64 first, i64 last, f64 share, f64_cr fws_w_k, f64_cr tcs_w_k, f64_cr ua_w_k,
                          f64_cr pump_share, f64_cr ua_share, f64_cr pump_on, f64_r ge, f64_r slope) noexcept nogil:
    """Conductance from coolant to facility water with ``share`` of its design flow through each CDU, W/K.

    Counter-flow effectiveness-NTU, UA with the 0.8 power of either flow (Incropera, eq. 11.29; docs/physics.md).
    Effectiveness speaks of the hot inlet, the node is the loop's mean: half the coolant's rise lies between. Without
    flow 0.2 % of the clean exchanger is left, conduction through plate and pipes (from memory). ``slope`` is the
    logarithmic derivative of the conductance by the share, that of the film included.
    """
    cdef i64 i
    cdef f64 s8, cf, cs, lo, hi, film, z, e, ex, rise, bend, f8 = exp_(0.8 * log_(share))
    for i in range(first, last):
        s8 = ua_share[i] * pump_on[i]
        cf = max_(fws_w_k[i] * share, 1.0)
        cs = max_(tcs_w_k[i] * pump_share[i] * pump_on[i], 1.0)
        lo = min_(cf, cs)
        hi = max_(max_(cf, cs), 1.000001 * lo)
        film = s8 / (f8 + s8)
        z = ua_w_k[i] * 2.0 * f8 * film * (hi - lo) / (lo * hi)
        e = exp_(-z)
        ex = lo * hi * (1.0 - e) / (hi - lo * e)
        rise = cs / (cs - 0.5 * ex)
        ge[i] = max_(ex * rise, 0.002 * ua_w_k[i])
        bend = cs * (1.0 - e - z * e if cf < cs else e * (e - 1.0 + z)) + 0.8 * film * z * e * (hi - lo)
        slope[i] = max_(bend * rise / ((1.0 - e) * (hi - lo * e) + 1e-30), 0.05)


cdef inline void hold_supply(i64 first, i64 last, f64 h_s, f64 fws_c, f64 flow, f64_cr ge, f64_cr fws_w_k,
                             f64_cr tcs_w_k, f64_cr ua_w_k, f64_cr pump_share, f64_cr pump_on, f64_cr above_k,
                             f64_cr set_c, f64_cr c_tcs, f64_cr run_w, f64_cr liquid, f64_cr tcs_c, f64_r sink_w_k,
                             f64_r sink_c) noexcept nogil:
    """What each coolant loop gives its heat to in this step: a conductance, W/K, and the temperature behind it.

    A CDU holds the supply at its set-point while its valve has room. The loop's node is the mean of supply and return,
    so the heat this takes is twice the coolant's capacity flow times the node's excess over the set-point: linear like
    the exchanger itself, and exact in a step of any length. Which of the two it is, is decided at the coolant's
    temperature at the end of the step (one implicit step): control, or the exchanger with its valve open or shut.
    """
    cdef i64 i
    cdef f64 hold, goal, c, shut, want
    for i in range(first, last):
        hold = 2.0 * max_(tcs_w_k[i] * pump_share[i] * pump_on[i], 1.0)
        goal = max_(fws_c + above_k[i], set_c[i])
        shut = min_(max_(VALVE_LEAST * flow * fws_w_k[i], 0.002 * ua_w_k[i]), ge[i])
        c = (goal - tcs_c[i]) * hold + run_w[i] * liquid[i]
        c = tcs_c[i] + c * h_s / (hold * h_s + c_tcs[i])
        want = hold * (c - goal)
        c = c - fws_c
        sink_w_k[i] = hold if (shut * c < want) & (want < ge[i] * c) else (ge[i] if want > shut * c else shut)
        sink_c[i] = goal if (shut * c < want) & (want < ge[i] * c) else fws_c


cdef inline void row_steps(i64 first, i64 last, f64 h_s, f64_cr ge, f64_cr g_die, f64_cr pump_on, f64_cr per_die,
                           f64_cr per_tcs, f64_r f0, f64_r f1, f64_r g0, f64_r g1) noexcept nogil:
    """Exact step coefficients of each row's two nodes (linear2); ``per_die``, ``per_tcs``: 1 over their capacities."""
    cdef i64 i
    cdef f64 a, g
    cdef Step2 m
    for i in range(first, last):
        g = g_die[i] * (0.01 + 0.99 * pump_on[i])
        a = g * per_die[i]
        m = step2(-(a + (g + ge[i]) * per_tcs[i]), a * ge[i] * per_tcs[i], h_s)
        f0[i] = m.f0
        f1[i] = m.f1
        g0[i] = m.g0
        g1[i] = m.g1


cdef inline void row_update(i64 first, i64 last, f64 h_s, f64_cr ge, f64_cr sink_c, f64_cr g_die, f64_cr pump_on,
                            f64_cr c_die, f64_cr c_tcs, f64_cr per_die, f64_cr per_tcs, f64_cr run_w, f64_cr liquid,
                            f64_cr f0, f64_cr f1, f64_cr g0, f64_cr g1, f64_r die_c, f64_r tcs_c, f64_r heat_j, f64_r off_w) noexcept nogil:
    """New temperatures, heat given to the facility water, and the heat each row's books are off, W."""
    cdef i64 i
    cdef f64 g, q, t1s, t2s, u, w, du, dw, un, wn, over, per_h = 1.0 / h_s
    for i in range(first, last):
        g = g_die[i] * (0.01 + 0.99 * pump_on[i])
        q = run_w[i] * liquid[i]
        over = q / (ge[i] * g)
        t2s = sink_c[i] + over * g
        t1s = t2s + over * ge[i]
        u = die_c[i] - t1s
        w = tcs_c[i] - t2s
        du = g * (w - u) * per_die[i]
        dw = (g * (u - w) - ge[i] * w) * per_tcs[i]
        un = f0[i] * u + f1[i] * du
        wn = f0[i] * w + f1[i] * dw
        heat_j[i] = ge[i] * (g0[i] * w + g1[i] * dw + (t2s - sink_c[i]) * h_s)
        off_w[i] = abs_((c_die[i] * (un - u) + c_tcs[i] * (wn - w) - q * h_s + heat_j[i]) * per_h)
        die_c[i] = t1s + un
        tcs_c[i] = t2s + wn


cdef inline void row_supply(i64 first, i64 last, f64 fws_c, f64_cr ge, f64_cr slope, f64_cr sink_w_k, f64_cr sink_c,
                            f64_cr tcs_w_k, f64_cr pump_share, f64_cr pump_on, f64_cr above_k, f64_cr set_c,
                            f64_cr tcs_c, f64_cr run_w, f64_cr liquid, f64_r supply_c, f64_r air_w,
                            f64_r valve) noexcept nogil:
    """Coolant supply to the racks, the loop's mean less half its rise; heat left to the room's air; valve's opening.

    The opening is the one that would hold the supply at its set-point, beyond what the valve can do as well. Resistance
    is all but linear in one over the opening, so it is read off the tangent at the open valve: within 2 % from 0.7 on.
    """
    cdef i64 i
    cdef f64 flow, need, goal, least
    for i in range(first, last):
        flow = tcs_w_k[i] * pump_share[i] * pump_on[i]
        supply_c[i] = tcs_c[i] - 0.5 * sink_w_k[i] * (tcs_c[i] - sink_c[i]) / max_(flow, 0.5 * sink_w_k[i])
        air_w[i] = run_w[i] * (1.0 - liquid[i])
        goal = max_(fws_c + above_k[i], set_c[i])
        need = 2.0 * flow * max_(tcs_c[i] - goal, 0.0) / max_(tcs_c[i] - fws_c, 0.5)
        # at twice the open valve's opening the tangent has nothing more to say
        least = 0.5 * need * slope[i] + 1e-9
        valve[i] = max_(VALVE_MOST * need * slope[i] / max_(ge[i] + need * slope[i] - need, least), VALVE_LEAST)


cdef inline f64 march_rows(RowTable* t, i64 first, i64 last, f64 fws_c, f64 flow, f64 h_s, f64* work) noexcept nogil:
    """Advance die and coolant temperatures of one hall's rows; ``heat_j`` gets what each gave to the facility water.

    Return the largest heat residual of a row, W. ``pump_on`` is 1 while the CDU's pump turns: without flow the cold
    plate keeps 1 % of its conductance (natural convection, from memory). ``work`` has room for six columns.
    """
    cdef i64 n = t.n
    cdef f64* slope = work
    exchange(first, last, VALVE_MOST * flow, t.fws_w_k, t.tcs_w_k, t.ua_w_k, t.pump_share, t.pump_ua_share, t.pump_on,
             t.ge_w_k, slope)
    hold_supply(first, last, h_s, fws_c, flow, t.ge_w_k, t.fws_w_k, t.tcs_w_k, t.ua_w_k, t.pump_share, t.pump_on,
                t.tcs_above_fws_k, t.tcs_set_c, t.c_tcs_j_k, t.run_w, t.liquid_share, t.tcs_c, t.sink_w_k, t.sink_c)
    row_steps(first, last, h_s, t.sink_w_k, t.g_die_w_k, t.pump_on, t.die_k_j, t.tcs_k_j, work + n, work + 2 * n,
              work + 3 * n, work + 4 * n)
    row_update(first, last, h_s, t.sink_w_k, t.sink_c, t.g_die_w_k, t.pump_on, t.c_die_j_k, t.c_tcs_j_k, t.die_k_j,
               t.tcs_k_j, t.run_w, t.liquid_share, work + n, work + 2 * n, work + 3 * n, work + 4 * n, t.die_c, t.tcs_c,
               t.heat_j, t.off_w)
    row_supply(first, last, fws_c, t.ge_w_k, slope, t.sink_w_k, t.sink_c, t.tcs_w_k, t.pump_share, t.pump_on,
               t.tcs_above_fws_k, t.tcs_set_c, t.tcs_c, t.run_w, t.liquid_share, t.supply_c, t.air_w, t.valve)
    return worst_of(last - first, t.off_w + first)


cdef inline f64 cross_flow(f64 ua, f64 ca, f64 cw) noexcept nogil:
    """Conductance ε·Cmin of a dry cooler, W/K: cross flow, both sides unmixed (Incropera, eq. 11.32)."""
    cdef f64 lo = max_(min_(ca, cw), 1.0)
    cdef f64 cr = lo / max_(max_(ca, cw), 1.0)
    cdef f64 ntu = max_(ua / lo, 1e-9)
    cdef f64 n22 = exp_(0.22 * log_(ntu))
    return lo * (1.0 - exp_((exp_(-cr * ntu / n22) - 1.0) * n22 / max_(cr, 1e-9)))


cdef inline void drive_fans(LoopTable* t, i64 k, f64 set_c, f64 air_c, f64 heat_w, f64 h_s) noexcept nogil:
    """Fan speed and number of dry-cooler banks of loop ``k``: lagged towards need, staged at 85 and 60 % speed.

    A bank runs for at least ten minutes before one is stopped (docs/physics.md); another may start every minute.
    """
    cdef f64 cw = max_(t.flow_w_k[k] * t.flow[k], 1.0)
    cdef f64 need = heat_w / max_(t.return_c[k] - air_c, 0.5) if t.supply_c[k] > set_c - 3.0 else 0.0
    cdef f64 have = bank_conductance(t, k, cw)
    # beyond the set-point the fans answer to it as well, so that a standing error cannot stay
    cdef f64 want = t.fan[k] * min_(max_(need / max_(have, 1.0), 0.5), 2.0) + 0.02 * (t.supply_c[k] - set_c)
    t.fan[k] += (min_(max_(want, 0.1), 1.0) - t.fan[k]) * (1.0 - exp_(-h_s / 60.0))
    t.stage_s[k] = max_(t.stage_s[k] - h_s, 0.0)
    if t.fan[k] > 0.85 and t.stage_s[k] <= 540.0 and t.banks_on[k] < t.banks_in_service[k]:
        t.banks_on[k] += 1.0
        t.stage_s[k] = 600.0
    elif t.fan[k] < 0.60 and t.stage_s[k] <= 0.0 and t.banks_on[k] > 2.0:
        t.banks_on[k] -= 1.0
        t.stage_s[k] = 600.0
    t.banks_on[k] = min_(t.banks_on[k], t.banks_in_service[k])


cdef inline f64 bank_conductance(LoopTable* t, i64 k, f64 cw) noexcept nogil:
    """Conductance from the loop's water to the air, W/K, all running banks together."""
    cdef f64 fan = t.fan[k] * (1.0 - t.fouling_share[k])
    cdef f64 f8 = exp_(0.8 * log_(max_(fan, 1e-3)))
    cdef f64 banks = t.banks_on[k] * (1.0 if t.fed[k] * t.running[k] > 0.5 else 0.02)  # natural draught when the fans stand
    banks = banks * t.wet_slope[k]
    return cross_flow(banks * t.bank_ua_w_k[k] * f8, banks * t.bank_air_w_k[k] * fan, cw)


cdef inline f64 wet_pads(LoopTable* t, i64 k, f64 dry_c, f64 wet_c, f64 set_c, f64 h_s) noexcept nogil:
    """Whether the pads, or the towers, are wet, 1 or 0: from 1 K below the water's set-point on, until the fans have nothing to do.

    Without the 2 K between the two, short steps switch the pads on and off and hold the supply below its set-point.
    """
    cdef f64 from_c = set_c - 3.0 if t.wet[k] > 0.5 else set_c - 1.0
    t.wet[k] = 1.0 if (has_water(t, k, dry_c, wet_c, h_s) and t.fed[k] * t.running[k] > 0.5 and dry_c > t.adiabatic_from_c[k]
                       and t.supply_c[k] > from_c) else 0.0
    return t.wet[k]


cdef inline f64 march_loop(LoopTable* t, i64 k, f64 heat_j, f64 room_w, f64 valve, f64 dry_c, f64 wet_c,
                           f64 pressure_pa, f64 h_s) noexcept nogil:
    """Advance the facility water loop ``k`` by ``h_s`` with ``heat_j`` from its rows and ``room_w`` into its air.

    ``valve`` is the opening that the neediest of its CDUs would need: the pumps aim at a flow with which it is 95 %.

    Return the heat residual, W. Leaves ``power_w``, what pumps, fans and air side will draw in the next step.
    """
    cdef f64 q = heat_j / h_s
    cdef f64 fed = t.fed[k] * t.running[k]
    cdef f64 pumps = t.running[k] * (1.0 if (t.fed[k] > 0.5 or t.ups_j[k] > 0.0) else 0.0)
    cdef f64 capacity = min_(t.pumps_in_service[k] / t.pumps_needed[k], 1.0) * pumps
    cdef f64 set_c = min_(max_((wet_c if t.tower[k] > 0.5 else dry_c) + t.set_above_air_k[k], t.set_min_c[k]), t.set_max_c[k])
    cdef f64 wet_pad = wet_pads(t, k, dry_c, wet_c, set_c, h_s)
    cdef f64 inlet_c = dry_c - wet_pad * t.adiabatic_share[k] * (dry_c - wet_c)
    cdef f64 want = min_(max_(t.flow_set[k] * valve / VALVE_AIM, 0.5), 1.0)
    cdef f64 cw, alpha, beta, gamma, g, rs, ss, u, w, du, dw, un, wn, out_j, res, speed, pad_w, tower_w
    cdef Step2 m
    t.wet_slope[k] = 1.0
    if t.tower[k] * wet_pad > 0.5:
        t.wet_slope[k] = wet_slope(wet_c, 0.5 * (t.return_c[k] + t.supply_c[k]), pressure_pa)
    # What the pumps are told follows the valves over minutes, as resets of a plant's pressure do (ASHRAE Guideline 36
    # asks for more where a valve is above 95 %; the minutes are from memory). What they do is faster: a stopped one
    # coasts down with 5 s, one that starts takes 10 s; 1 % of the flow is left by natural circulation (from memory).
    t.flow_set[k] += (want - t.flow_set[k]) * (1.0 - exp_(-h_s / PUMP_RESET_S))
    want = min_(t.flow_set[k], capacity)
    t.flow[k] += (want - t.flow[k]) * (1.0 - exp_(-h_s / (10.0 if want > t.flow[k] else 5.0)))
    t.flow[k] = max_(t.flow[k], 0.01)
    drive_fans(t, k, set_c, inlet_c, q, h_s)
    cw = t.flow_w_k[k] * t.flow[k]
    # pipes and tanks lose a little even when nothing turns: 0.1 % of the design flow (from memory)
    g = max_(bank_conductance(t, k, cw), 1e-3 * t.flow_w_k[k])
    g = min_(g, 0.999 * cw)
    alpha = cw / t.c_return_j_k[k]
    beta = cw / t.c_supply_j_k[k]
    gamma = g / cw
    m = step2(-(alpha + beta), alpha * beta * gamma, h_s)
    ss = inlet_c + (1.0 - gamma) * q / g
    rs = ss + q / cw
    u = t.return_c[k] - rs
    w = t.supply_c[k] - ss
    du = alpha * (w - u)
    dw = beta * ((1.0 - gamma) * u - w)
    un = m.f0 * u + m.f1 * du
    wn = m.f0 * w + m.f1 * dw
    out_j = g * (m.g0 * u + m.g1 * du + (rs - inlet_c) * h_s)
    res = t.c_return_j_k[k] * (un - u) + t.c_supply_j_k[k] * (wn - w) - q * h_s + out_j
    # In a step of a millisecond the rounding of the temperatures alone (four units in the last place) is worth a
    # tenth of a watt.
    res = worse(abs_(res) - 8.9e-16 * (t.c_return_j_k[k] + t.c_supply_j_k[k]) * (abs_(rs) + abs_(ss)), 0.0)
    t.return_c[k] = rs + un
    t.supply_c[k] = ss + wn
    t.heat_in_w[k] = q
    t.heat_out_w[k] = out_j / h_s
    speed = t.flow[k] * t.pumps_needed[k] / max_(t.pumps_in_service[k], 1.0)
    t.pumps_w[k] = pumps * min_(t.pumps_in_service[k], t.pumps[k]) * t.pump_w[k] * speed * speed * speed
    t.fans_w[k] = fed * t.banks_on[k] * t.bank_fan_w[k] * t.fan[k] * t.fan[k] * t.fan[k]
    res = worse(res / h_s, march_air(t, k, room_w, dry_c, condenser_c(t, k, dry_c, wet_c), h_s))
    # what the air cools down by evaporates water; of a tower's heat what does not warm its air (and its condensers')
    pad_w = t.adiabatic_share[k] * (dry_c - wet_c) * air_flow_w_k(t, k)
    tower_w = max_(t.heat_out_w[k], 0.0) * (1.0 - 1.0 / t.wet_slope[k])
    if t.tower[k] * t.chillers[k] > 0.5:
        tower_w += t.air_w[k] + t.air_el_w[k]
    use_water(t, k, wet_pad, pad_w, tower_w, h_s)
    t.power_w[k] = t.pumps_w[k] + t.fans_w[k] + t.air_el_w[k]
    if t.fed[k] < 0.5:
        t.ups_j[k] = max_(t.ups_j[k] - t.pumps_w[k] * h_s, 0.0)
    t.off_w[k] = res
    return res


cdef inline f64 air_flow_w_k(LoopTable* t, i64 k) noexcept nogil:
    """Heat capacity flow of the dry coolers' air, W/K."""
    return t.banks_on[k] * t.bank_air_w_k[k] * t.fan[k] * (1.0 if t.fed[k] * t.running[k] > 0.5 else 0.0)


cdef inline f64 march_air(LoopTable* t, i64 k, f64 room_w, f64 dry_c, f64 entering_c, f64 h_s) noexcept nogil:
    """Advance the hall's room air; its chilled-air units hold the set-point while they have power. Residual, W.

    What the units take, ``air_w``, and what goes through the walls, ``leak_w``, are means over the step. Without
    chillers of their own their coefficient of performance falls 1 %/K above 25 °C outside.
    """
    cdef f64 capacity = 1.25 * 0.15 * t.q_design_w[k] * t.fed[k] * t.running[k]
    cdef f64 before = t.air_c[k]
    if t.chillers[k] > 0.5:
        capacity = min_(capacity, t.chillers_in_service[k] * chiller_capacity_w(t, k, entering_c))
    if capacity > room_w:
        hold_air(t, k, room_w, capacity, h_s)
    else:
        warm_air(t, k, room_w, capacity, h_s)
    if t.chillers[k] > 0.5:
        t.air_el_w[k] = chiller_power_w(t, k, t.air_w[k], entering_c, h_s)
    else:
        t.air_el_w[k] = t.air_w[k] / (t.air_cop[k] * (1.0 - 0.01 * max_(dry_c - 25.0, 0.0)))
    return abs_(t.c_air_j_k[k] * (t.air_c[k] - before) / h_s - (room_w - t.air_w[k] - t.leak_w[k]))


cdef inline void hold_air(LoopTable* t, i64 k, f64 room_w, f64 capacity_w, f64 h_s) noexcept nogil:
    """Units that can carry the room: flat out, or standing, until they are near their set-point, then exponential.

    They bring the room to its set-point with 2 min (from memory), which asks more than they have while it is far too
    warm and less than nothing while it is far too cold.
    """
    cdef f64 c = t.c_air_j_k[k], set_c = t.air_set_c[k]
    cdef f64 over = t.air_c[k] - set_c
    cdef f64 upper = (capacity_w - room_w) * AIR_LAG_S / c
    cdef f64 lower = -room_w * AIR_LAG_S / c
    cdef f64 flat_w = capacity_w if over > upper else 0.0
    cdef f64 flat_s = 0.0, kept
    if over > upper:
        flat_s = min_((over - upper) * c / (capacity_w - room_w), h_s)
    elif over < lower:
        flat_s = min_((lower - over) * c / max_(room_w, 1e-3), h_s)
    over += (room_w - flat_w) * flat_s / c
    kept = exp_((flat_s - h_s) / AIR_LAG_S)
    t.air_c[k] = set_c + over * kept
    t.air_w[k] = (flat_w * flat_s + room_w * (h_s - flat_s) + c * over * (1.0 - kept)) / h_s
    t.leak_w[k] = 0.0


cdef inline void warm_air(LoopTable* t, i64 k, f64 room_w, f64 capacity_w, f64 h_s) noexcept nogil:
    """Units that cannot carry the room run flat out, if at all; it leaks to its walls.

    0.2 % of the air side's design heat per kelvin (from memory); the air side's is 15 % of the hall's.
    """
    cdef f64 wall_w_k = 0.002 * 0.15 * t.q_design_w[k]
    cdef f64 lag_s = t.c_air_j_k[k] / wall_w_k
    cdef f64 end_c = WALL_C + (room_w - capacity_w) / wall_w_k
    cdef f64 off = t.air_c[k] - end_c
    cdef f64 kept = exp_(-h_s / lag_s)
    t.air_c[k] = end_c + off * kept
    t.air_w[k] = capacity_w
    t.leak_w[k] = wall_w_k * (end_c - WALL_C + off * (1.0 - kept) * lag_s / h_s)
