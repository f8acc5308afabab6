# cython: nonecheck=False
"""Many power flows of one network: time steps side by side in the lanes of the processor's vectors.

The rows are cut into eight stretches of time. Each lane walks through its own stretch and starts every row from the
voltages of the row before, so what it computes depends neither on the width of the vectors nor on its neighbours.
Where a lane does not converge, the scalar solver with all its ways out (network.pyx) takes that row.
"""

from libc.math cimport INFINITY
from libc.string cimport memset

import numpy as np

from .elimination cimport CONSTANT, IDLE, REGULATED
from .network cimport Compiled, Grid
from .newton_lanes cimport (CLEARED, STORED, UNTOUCHED, Lanes, lane_backward, lane_currents, lane_forward,
                            lane_regulated_error)
from .types cimport Status, f64, i8, i32, i64, max_, min_
from .vector cimport WIDTH, all_zero, choose, column, injecting, less, mask, negative, put_pairs, quotient, signs, splat, vec, vmax, vmin

cdef enum:
    STRETCHES = 8
    CACHE_LINE = 64


cdef class Batch:
    """The lanes of one grid in its present switch state; good until a switch moves.

    ``grid`` must have neither ZIP shares nor reactive limits: those rows are the sequential solver's.
    """

    cdef Grid grid
    cdef Lanes v
    cdef list kept
    cdef const f64* p_row[WIDTH]     # injections of each lane's row, MW and Mvar
    cdef const f64* q_row[WIDTH]
    cdef f64* out[WIDTH]             # voltage of each lane's row, (re, im) by bus
    cdef i64 row[WIDTH]              # the row each lane is at
    cdef i64 end[WIDTH]              # where its stretch ends
    cdef bint ready[WIDTH]           # it has a good voltage to start from
    cdef readonly i64 alone          # rows that the sequential solver took
    cdef int state[WIDTH]            # Status of the present row
    cdef i8* of_island               # [WIDTH n_island] Status of each island in the present row
    cdef i32 steps[WIDTH]            # Newton steps of the present row
    cdef f64* bus_v                  # [4 WIDTH n_bus] voltages of rows that are not kept
    # extremes over all rows so far
    cdef vec* low2                   # [n_node] least |V|^2
    cdef vec* high2
    cdef vec* load2                  # [n_live] largest |S|^2 of a branch
    cdef vec loss                    # of the present rows, pu
    cdef vec slack

    def __init__(self, Grid grid):
        cdef Compiled* c
        cdef i32 k, n, most
        grid.ensure()
        if grid.c.version != grid.version:
            grid.refresh_values(False)
        self.grid = grid
        self.kept = []
        c = grid.c
        n = c.s.n_node
        most = max([c.s.ptr[k + 1] - c.s.ptr[k] for k in range(n)], default=0)
        self.v.s = &c.s
        self.v.p = self.room(n)
        self.v.q = self.room(n)
        self.v.e = self.room(n)
        self.v.f = self.room(n)
        self.v.block = self.room(6 * n)
        self.v.slot = self.room(4 * c.s.n_entry)
        self.v.low_slot = self.room(4 * c.s.n_entry)
        self.v.low = self.room(4 * most)
        self.v.weight = self.room(n)
        self.v.current = self.room(2 * n)
        self.v.step = self.room(2 * n)
        self.low2 = self.room(n)
        self.high2 = self.room(n)
        self.load2 = self.room(c.n_live)
        self.bus_v = <f64*> self.room(4 * grid.n_bus)
        self.of_island = <i8*> self.room(grid.n_island)
        self.v.role = <i8*> self.room(n)
        self.v.touch = <i8*> self.room(n)
        self.v.stores = <i8*> self.room(n)
        self.v.cleared = <i32*> self.room(n)
        self.v.filled = <i8*> self.room(c.s.n_entry)
        self.v.fills = <i8*> self.room(c.s.pair_ptr[n])
        for k in range(n):
            self.v.role[k] = REGULATED if c.governor[k] >= 0 else CONSTANT
            self.v.regulated = self.v.regulated or c.governor[k] >= 0
            if c.governor[k] >= 0:
                c.s.v_set2[k] = grid.v_set[c.governor[k]] * grid.v_set[c.governor[k]]
        self.find_touches()

    cdef vec* room(self, i64 n) except NULL:
        """Zeroed room for ``n`` vectors, aligned, for the life of the object."""
        memory = np.zeros((n + 1) * sizeof(vec) + CACHE_LINE, np.uint8)
        self.kept.append(memory)
        cdef size_t at = memory.ctypes.data
        return <vec*> ((at + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE)

    cdef find_touches(self):
        """Who stores into the sums of a node, who adds: nothing has to be cleared where only children add."""
        cdef Compiled* c = self.grid.c
        cdef i32 k, x, parent
        cdef i8* touch = self.v.touch
        for k in range(c.s.n_node):
            if not c.s.node[k].simple:
                for x in range(c.s.ptr[k], c.s.ptr[k + 1]):
                    touch[c.s.idx[x]] = CLEARED
                for x in range(c.s.pair_ptr[k], c.s.pair_ptr[k + 1]):
                    self.v.fills[x] = not self.v.filled[c.s.pair[x]]
                    self.v.filled[c.s.pair[x]] = 1
        for k in range(c.s.n_node):
            parent = c.s.node[k].parent if c.s.node[k].simple else -1
            if parent >= 0 and touch[parent] == UNTOUCHED:
                touch[parent] = STORED
                self.v.stores[k] = 1
        for k in range(c.s.n_node):
            if touch[k] == CLEARED:
                self.v.cleared[self.v.n_cleared] = k
                self.v.n_cleared += 1

    # ------------------------------------------------------------------ what Python calls

    def run(self, const f64[:, :] p_mw, const f64[:, :] q_mvar, f64[:, :, ::1] v_out, i8[::1] status,
            i8[:, ::1] island_status, i32[::1] iterations, extremes, double tol, int max_iter):
        """Solve every row of injections of shape (n_step, n_bus), in MW and Mvar.

        ``v_out`` (n_step, n_bus, 2) takes the voltages, real and imaginary part in per unit, or is None; ``status``,
        ``iterations`` (n_step,) and ``island_status`` (n_step, n_island) how each row ended. ``extremes``, a dict of arrays or None, takes ``low2`` and
        ``high2`` (n_bus,), ``load2`` (n_branch,), and ``loss`` and ``slack`` (n_step,), of the rows that converged.
        """
        cdef i64 n = p_mw.shape[0], length, first
        cdef int group, lane
        cdef f64[::1] loss = None, slack = None
        if p_mw.shape[1] != self.grid.n_bus or q_mvar.shape[1] != self.grid.n_bus or q_mvar.shape[0] != n:
            raise ValueError(f"injections need the shape (n_step, {self.grid.n_bus})")
        if p_mw.strides[1] != sizeof(f64) or q_mvar.strides[1] != sizeof(f64):
            raise ValueError("a row of injections must be contiguous")
        length = (n + STRETCHES - 1) // STRETCHES
        if extremes is not None:
            loss, slack = extremes["loss"], extremes["slack"]
            self.clear_extremes()
        for group in range(STRETCHES // WIDTH):
            for lane in range(WIDTH):
                first = (group * WIDTH + lane) * length
                self.row[lane] = min(first, n)
                self.end[lane] = min(first + length, n)
                self.ready[lane] = False
            with nogil:
                while self.set_rows(p_mw, q_mvar, v_out):
                    self.solve_rows(tol, max_iter)
                    if loss is not None:
                        self.note_extremes()
                    self.take_rows(status, island_status, iterations, loss, slack)
        if extremes is not None:
            self.give_extremes(extremes)

    # ------------------------------------------------------------------ rows

    cdef bint set_rows(self, const f64[:, :] p_mw, const f64[:, :] q_mvar, f64[:, :, ::1] v_out) noexcept nogil:
        """Point every lane at its row; one whose stretch is over stays at the first row of the group. False: all over.
        """
        cdef int lane
        cdef i64 row, some = -1
        for lane in range(WIDTH):
            if self.row[lane] < self.end[lane]:
                some = self.row[lane]
        if some < 0:
            return False
        for lane in range(WIDTH):
            row = self.row[lane] if self.row[lane] < self.end[lane] else some
            self.p_row[lane] = &p_mw[row, 0]
            self.q_row[lane] = &q_mvar[row, 0]
            self.state[lane] = Status.OK
            memset(self.of_island + self.grid.n_island * lane, Status.OK, self.grid.n_island)
            self.steps[lane] = 0
            self.out[lane] = self.own_row(lane, self.row[lane])
            if v_out is not None and self.row[lane] < self.end[lane]:
                self.out[lane] = &v_out[row, 0, 0]
        return True

    cdef f64* own_row(self, int lane, i64 row) noexcept nogil:
        """Where the voltages of a row go that is not to be kept: two places in turn, so that the last one is there."""
        return self.bus_v + 2 * self.grid.n_bus * (2 * lane + row % 2)

    cdef void take_rows(self, i8[::1] status, i8[:, ::1] island_status, i32[::1] iterations, f64[::1] loss,
                        f64[::1] slack) noexcept nogil:
        """Note how the rows ended, and go on to the next ones."""
        cdef int lane
        cdef i32 k
        cdef i64 row
        for lane in range(WIDTH):
            row = self.row[lane]
            if row >= self.end[lane]:
                continue
            status[row] = <i8> self.state[lane]
            for k in range(self.grid.n_island):
                island_status[row, k] = self.of_island[self.grid.n_island * lane + k]
            iterations[row] = self.steps[lane]
            if loss is not None:
                loss[row] = (<f64*> &self.loss)[lane] if self.state[lane] == Status.OK else 0.0
                slack[row] = (<f64*> &self.slack)[lane] if self.state[lane] == Status.OK else 0.0
            self.row[lane] += 1

    cdef void solve_rows(self, f64 tol, int max_iter) noexcept nogil:
        """The present row of every lane."""
        cdef int lane
        cdef i32 island
        cdef mask able
        for lane in range(WIDTH):
            (<i64*> &able)[lane] = -1 if self.ready[lane] and self.row[lane] < self.end[lane] else 0
        self.load()
        for island in range(self.grid.n_island):
            self.newton(island, able, tol, max_iter)
        self.store()
        for lane in range(WIDTH):
            if self.row[lane] >= self.end[lane]:
                continue
            if not self.ready[lane] or self.state[lane] != Status.OK:
                self.solve_alone(lane, tol, max_iter)

    cdef void load(self) noexcept nogil:
        """Injections of the lanes' rows, per unit."""
        cdef Compiled* c = self.grid.c
        cdef int lane
        cdef i32 k, x, bus
        cdef vec p, q, base = splat(self.grid.base_mva), check = splat(0.0)
        for k in range(c.s.n_node):
            bus = c.member[c.first_member[k]]
            p = column(self.p_row, bus)
            q = column(self.q_row, bus)
            for x in range(c.first_member[k] + 1, c.first_member[k + 1]):
                p = p + column(self.p_row, c.member[x])
                q = q + column(self.q_row, c.member[x])
            check = check + (p * 0.0 + q * 0.0)
            if self.v.role[k] != REGULATED:
                self.v.role[k] = IDLE if all_zero(p, q) else CONSTANT
            self.v.p[k] = quotient(p, base)
            self.v.q[k] = quotient(q, base)
        for lane in range(WIDTH):
            if not (<f64*> &check)[lane] == 0.0 or not self.finite_elsewhere(lane):
                self.state[lane] = Status.BAD_INPUT

    cdef bint finite_elsewhere(self, int lane) noexcept nogil:
        """Whether the injections at held and dead buses are finite."""
        cdef Compiled* c = self.grid.c
        cdef i32 x
        cdef f64 check = 0.0
        for x in range(c.first_held[c.n_island]):
            check += self.p_row[lane][c.held[x]] * 0.0 + self.q_row[lane][c.held[x]] * 0.0
        for x in range(c.n_dead):
            check += self.p_row[lane][c.dead[x]] * 0.0 + self.q_row[lane][c.dead[x]] * 0.0
        return check == 0.0

    # ------------------------------------------------------------------ solving

    cdef void newton(self, i32 island, mask able, f64 tol, int max_iter) noexcept nogil:
        """Newton steps of one island in the lanes that are ``able``, each until it has converged."""
        cdef i32 first = self.grid.c.first_node[island], end = self.grid.c.first_node[island + 1]
        cdef vec worst, odd = splat(0.0)
        cdef int lane, it, left = 0
        cdef i32 taken[WIDTH]
        for lane in range(WIDTH):
            taken[lane] = 0
            if self.state[lane] != Status.OK:
                (<i64*> &able)[lane] = 0
            left += (<i64*> &able)[lane] != 0
        self.v.moving = able
        if self.v.regulated:
            lane_currents(&self.v, first, end, self.v.e, self.v.f, 1, self.v.current, True)
        for it in range(max_iter):
            if left == 0:
                break
            lane_forward(&self.v, first, end)
            worst = lane_backward(&self.v, first, end)
            if self.v.regulated:
                worst = vmax(lane_regulated_error(&self.v, first, end), worst)
            able = self.v.moving
            for lane in range(WIDTH):
                if (<i64*> &able)[lane] == 0:
                    continue
                taken[lane] += 1
                if (<f64*> &worst)[lane] <= tol:
                    (<i64*> &able)[lane] = 0
                    left -= 1
                    (<f64*> &odd)[lane] = (<f64*> &self.v.odd)[lane]
                elif not (<f64*> &worst)[lane] < 1e30:
                    (<i64*> &able)[lane] = 0
                    left -= 1
                    self.state[lane] = Status.NOT_CONVERGED
            self.v.moving = able
        odd = self.doubts(island, odd)
        for lane in range(WIDTH):
            self.steps[lane] = max(self.steps[lane], taken[lane])
            if (<i64*> &able)[lane] != 0 or not (<f64*> &odd)[lane] == 0.0:
                self.state[lane] = max(self.state[lane], <int> Status.NOT_CONVERGED)

    cdef vec doubts(self, i32 island, vec odd) noexcept nogil:
        """0 in lanes that are finite and at the upper solution, as ``Grid.accepted`` has it; ``odd`` as in Lanes."""
        cdef Compiled* c = self.grid.c
        cdef i32 k
        cdef vec v2, check = splat(0.0), one = splat(1.0), nothing = splat(0.0), least = splat(self.grid.lowest(island))
        for k in range(c.first_node[island], c.first_node[island + 1]):
            v2 = self.v.e[k] * self.v.e[k] + self.v.f[k] * self.v.f[k]
            check = check + v2 * 0.0
            if self.v.role[k] == REGULATED:
                odd = signs(odd, splat(-1.0))
            if self.v.role[k] != IDLE:      # here or in a neighbour: what counts is whether this lane injects
                check = check + choose(less(v2, least) & injecting(self.v.p[k], self.v.q[k]), one, nothing)
        return check + choose(negative(odd), one, nothing)

    cdef void solve_alone(self, int lane, f64 tol, int max_iter) noexcept nogil:
        """The row of one lane by the sequential solver: cold where it has no good voltage, else from the last one."""
        cdef Compiled* c = self.grid.c
        cdef i32 k, x
        cdef f64 base = self.grid.base_mva
        for k in range(self.grid.n_bus):
            self.grid.p_pu[k] = self.p_row[lane][k] / base
            self.grid.q_pu[k] = self.q_row[lane][k] / base
            self.grid.q_mode[k] = 0.0
            self.grid.vr[k] = self.grid.vi[k] = 0.0
        self.grid.state[0] = self.grid.plan.signature if self.ready[lane] else 0.0
        if self.ready[lane]:
            self.recall(lane)
        self.alone += 1
        self.state[lane] = self.grid.solve(tol, max_iter)
        self.steps[lane] = self.grid.iterations
        for k in range(self.grid.n_island):
            self.of_island[self.grid.n_island * lane + k] = <i8> self.grid.island_status[k]
        if self.state[lane] == Status.OK:
            self.ready[lane] = True
            for k in range(c.s.n_node):
                x = c.member[c.first_member[k]]
                (<f64*> &self.v.e[k])[lane] = self.grid.vr[x]
                (<f64*> &self.v.f[k])[lane] = self.grid.vi[x]
        for k in range(self.grid.n_bus):
            self.out[lane][2 * k] = self.grid.vr[k]
            self.out[lane][2 * k + 1] = self.grid.vi[k]
        if self.state[lane] != Status.OK:
            self.forget_lane(lane)

    cdef void recall(self, int lane) noexcept nogil:
        """Give the grid the lane's last good voltages: those of the row before, where they were written."""
        cdef const f64* last = self.own_row(lane, self.row[lane] - 1)
        cdef i32 k
        if self.out[lane] != self.own_row(lane, self.row[lane]):
            last = self.out[lane] - 2 * self.grid.n_bus
        for k in range(self.grid.n_bus):
            self.grid.vr[k] = last[2 * k]
            self.grid.vi[k] = last[2 * k + 1]

    cdef void forget_lane(self, int lane) noexcept nogil:
        """A lane whose row has no solution starts its next row anew."""
        cdef i32 k
        self.ready[lane] = False
        for k in range(self.grid.c.s.n_node):
            (<f64*> &self.v.e[k])[lane] = 1.0
            (<f64*> &self.v.f[k])[lane] = 0.0

    cdef void store(self) noexcept nogil:
        """Write the voltages of every lane's row, bus by bus; a lane that is over writes where nobody looks."""
        cdef Compiled* c = self.grid.c
        cdef i32 k, x, bus
        for k in range(c.s.n_node):
            for x in range(c.first_member[k], c.first_member[k + 1]):
                put_pairs(self.out, c.member[x], self.v.e[k], self.v.f[k])
        for x in range(c.first_held[c.n_island]):
            bus = c.held[x]
            put_pairs(self.out, bus, splat(self.grid.held_re[c.holder[bus]]), splat(self.grid.held_im[c.holder[bus]]))
        for x in range(c.n_dead):
            put_pairs(self.out, c.dead[x], splat(0.0), splat(0.0))

    # ------------------------------------------------------------------ extremes

    cdef void clear_extremes(self) noexcept nogil:
        cdef i32 k
        for k in range(self.grid.c.s.n_node):
            self.low2[k] = splat(INFINITY)
            self.high2[k] = splat(0.0)
        for k in range(self.grid.c.n_live):
            self.load2[k] = splat(0.0)

    cdef void voltage(self, i32 bus, vec* re, vec* im) noexcept nogil:
        cdef Compiled* c = self.grid.c
        cdef i32 k = c.node_of_bus[bus]
        if k >= 0:
            re[0] = self.v.e[k]
            im[0] = self.v.f[k]
        else:
            re[0] = splat(self.grid.held_re[c.holder[bus]])
            im[0] = splat(self.grid.held_im[c.holder[bus]])

    cdef void note_extremes(self) noexcept nogil:
        """Voltages, branch powers, losses and slack power of the present rows; those that failed count for nothing."""
        cdef Compiled* c = self.grid.c
        cdef i32 k, x, b, f, t
        cdef int lane
        cdef mask good
        cdef vec v2, fr, fi, tr, ti, re, im, p_from, q_from, p_to, q_to, loss = splat(0.0), slack = splat(0.0)
        cdef vec nothing = splat(0.0), far = splat(INFINITY)
        cdef const f64* y
        for lane in range(WIDTH):
            (<i64*> &good)[lane] = -1 if self.row[lane] < self.end[lane] and self.state[lane] == Status.OK else 0
        for k in range(c.s.n_node):
            v2 = self.v.e[k] * self.v.e[k] + self.v.f[k] * self.v.f[k]
            self.low2[k] = vmin(choose(good, v2, far), self.low2[k])
            self.high2[k] = vmax(choose(good, v2, nothing), self.high2[k])
            for x in range(c.first_member[k], c.first_member[k + 1]):
                loss = loss + self.grid.y_shunt[2 * c.member[x]] * v2
        for x in range(c.first_held[c.n_island]):
            b = c.held[x]
            self.voltage(b, &fr, &fi)
            v2 = self.grid.y_shunt[2 * b] * (fr * fr + fi * fi)
            loss = loss + v2
            slack = slack + v2
            for lane in range(WIDTH):
                (<f64*> &slack)[lane] -= self.p_row[lane][b] / self.grid.base_mva
        for x in range(c.n_live):
            b = c.live[x]
            f = self.grid.from_bus[b]
            t = self.grid.to_bus[b]
            self.voltage(f, &fr, &fi)
            self.voltage(t, &tr, &ti)
            y = self.grid.y + 8 * b
            re = y[0] * fr - y[1] * fi + y[2] * tr - y[3] * ti
            im = y[0] * fi + y[1] * fr + y[2] * ti + y[3] * tr
            p_from = fr * re + fi * im
            q_from = fi * re - fr * im
            re = y[4] * fr - y[5] * fi + y[6] * tr - y[7] * ti
            im = y[4] * fi + y[5] * fr + y[6] * ti + y[7] * tr
            p_to = tr * re + ti * im
            q_to = ti * re - tr * im
            loss = loss + (p_from + p_to)
            if c.node_of_bus[f] < 0:
                slack = slack + p_from
            if c.node_of_bus[t] < 0:
                slack = slack + p_to
            v2 = vmax(p_from * p_from + q_from * q_from, p_to * p_to + q_to * q_to)
            self.load2[x] = vmax(choose(good, v2, nothing), self.load2[x])
        self.loss = loss
        self.slack = slack

    cdef give_extremes(self, extremes):
        """Fold the lanes."""
        cdef Compiled* c = self.grid.c
        cdef f64[::1] low2 = extremes["low2"], high2 = extremes["high2"], load2 = extremes["load2"]
        cdef i32 k, x
        cdef int lane
        cdef f64 low, high
        for k in range(c.s.n_node):
            low = INFINITY
            high = 0.0
            for lane in range(WIDTH):
                low = min_((<f64*> &self.low2[k])[lane], low)
                high = max_((<f64*> &self.high2[k])[lane], high)
            for x in range(c.first_member[k], c.first_member[k + 1]):
                low2[c.member[x]] = low if low < INFINITY else 0.0
                high2[c.member[x]] = high
        for x in range(c.first_held[c.n_island]):
            k = c.held[x]
            low2[k] = high2[k] = (self.grid.held_re[c.holder[k]] * self.grid.held_re[c.holder[k]]
                                  + self.grid.held_im[c.holder[k]] * self.grid.held_im[c.holder[k]])
        for x in range(c.n_live):
            high = 0.0
            for lane in range(WIDTH):
                high = max_((<f64*> &self.load2[x])[lane], high)
            load2[c.live[x]] = high
