"""Rows of racks between their boards and their own batteries: what they draw, and from where."""

from .tables cimport BoardTable, RowTable
from .types cimport f64, f64_cr, f64_r, i64, max_, min_


cdef inline void supply_loss(i64 n, f64_cr commissioned, f64_cr tripped, f64_cr idle_w, f64_cr jobs_w, f64_cr throttle,
                             f64_cr rated_w, f64_cr c0, f64_cr c1, f64_cr c2, f64_r demand_w) noexcept nogil:
    """Demand at the rack inputs, W: idle racks and jobs, through the loss curve of the power shelves."""
    cdef i64 i
    cdef f64 dc, x
    for i in range(n):
        dc = idle_w[i] + jobs_w[i] * throttle[i]
        x = dc / rated_w[i]
        demand_w[i] = commissioned[i] * (1.0 - tripped[i]) * (dc + rated_w[i] * (c0[i] + x * (c1[i] + x * c2[i])))


cdef inline i64 same_boards(const RowTable* t, i64 first) noexcept nogil:
    """One past the last of the rows from ``first`` on that hang on the same two boards."""
    cdef i64 i = first + 1
    while i < t.n and t.board_a[i] == t.board_a[first] and t.board_b[i] == t.board_b[first]:
        i += 1
    return i


cdef inline void find_feeds(RowTable* t, const f64* board_alive) noexcept nogil:
    """How many of a row's two boards feed it, and the share that comes from side A; none where the row was cut."""
    cdef i64 i, first = 0, last
    cdef f64 a, b, share
    while first < t.n:
        last = same_boards(t, first)
        a = board_alive[t.board_a[first]] if t.board_a[first] >= 0 else 0.0
        b = board_alive[t.board_b[first]] if t.board_b[first] >= 0 else 0.0
        share = a / (a + b) if a + b > 0.5 else 0.0
        for i in range(first, last):
            t.fed[i] = (1.0 - t.shed[i]) * (a + b)
            t.share_a[i] = (1.0 - t.shed[i]) * share
        first = last


cdef inline void draw_rows(i64 n, f64 h_s, f64_cr fed, f64_cr demand_w, f64_cr commissioned, f64_cr tripped,
                           f64_cr idle_w, f64_cr pump_share, f64_cr cdu_pump_w, f64_cr bbu_full_j, f64_cr bbu_charge_w, f64_cr bbu_j,
                           f64_r pump_draw_w, f64_r bbu_w, f64_r p_w, f64_r run_w, f64_r unserved_w, f64_r board_w,
                           f64_r pump_on) noexcept nogil:
    """Power of racks, pumps and rack batteries over the next ``h_s`` seconds.

    Fed, a row recharges its batteries; unfed, they carry racks and CDU pump for as long as they have energy. ``bbu_w``
    is positive out of the batteries, ``p_w`` what enters the racks from the boards. A stopped row without supply counts
    as unserved with its idle power: the jobs it would carry are elsewhere or wait.
    """
    cdef i64 i
    cdef f64 on, pump, charge, given
    for i in range(n):
        on = 1.0 if fed[i] > 0.5 else 0.0
        pump = cdu_pump_w[i] * commissioned[i] * pump_share[i] * pump_share[i] * pump_share[i]
        charge = max_((bbu_full_j[i] * commissioned[i] - bbu_j[i]) / h_s, 0.0)
        charge = min_(charge, bbu_charge_w[i]) * (1.0 - tripped[i]) * on
        given = min_(demand_w[i] + pump, bbu_j[i] / h_s) * (1.0 - on)
        bbu_w[i] = given - charge
        p_w[i] = (demand_w[i] + charge) * on
        run_w[i] = demand_w[i] if on > 0.5 else min_(demand_w[i], given)
        unserved_w[i] = demand_w[i] - run_w[i] + idle_w[i] * commissioned[i] * tripped[i] * (1.0 - on)
        board_w[i] = (demand_w[i] + charge + pump) * on
        pump_draw_w[i] = pump * on
        pump_on[i] = 1.0 if (on + given) * pump_share[i] * commissioned[i] > 0.0 else 0.0


cdef inline void load_boards(RowTable* t, BoardTable* board) noexcept nogil:
    """Add what the rows draw to the boards that feed them; a row without supply draws nothing."""
    cdef i64 i, first = 0, last
    cdef f64 from_a, to_a, to_b
    for i in range(board.n):
        board.out_w[i] = 0.0
    while first < t.n:
        last = same_boards(t, first)
        to_a = 0.0
        to_b = 0.0
        for i in range(first, last):
            from_a = t.board_w[i] * t.share_a[i]
            to_a += from_a
            to_b += t.board_w[i] - from_a
        if t.board_a[first] >= 0:
            board.out_w[t.board_a[first]] += to_a
        if t.board_b[first] >= 0:
            board.out_w[t.board_b[first]] += to_b
        first = last


cdef inline void drain_batteries(i64 n, f64 h_s, f64_cr bbu_w, f64_r bbu_j) noexcept nogil:
    """Energy of the rack batteries after ``h_s`` seconds, J."""
    cdef i64 i
    for i in range(n):
        bbu_j[i] = max_(bbu_j[i] - bbu_w[i] * h_s, 0.0)


cdef inline void count_racks(i64 n, f64_cr racks, f64_cr commissioned, f64_cr tripped, f64_cr run_w, f64_r there,
                             f64_r running) noexcept nogil:
    """Racks of each row that are in service, and those of them that have power."""
    cdef i64 i
    for i in range(n):
        there[i] = racks[i] * commissioned[i]
        running[i] = there[i] * (1.0 - tripped[i]) * (1.0 if run_w[i] > 0.0 else 0.0)
