"""AC power flow on a compiled elimination schedule: islands, merged buses, taps, regulated and held buses.

`Grid` owns the admittances, the switches, the voltages and every result; `Plan` is one switch state of it, compiled.
Method and layout: docs/powerflow.md. The arithmetic of a step is in elimination.pxd, the ordering in ordering.pxd.
"""

cimport cython
from cpython cimport array
from libc.math cimport INFINITY
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import hashlib
import math

import numpy as np

from .elimination cimport (CONSTANT, IDLE, LOW_ROOT, REGULATED, ZIP, Node, System, backward, clear, currents, curve_power,
                           eliminate, factor_symmetric, forward, knot_crossed, regulated_error, solve_symmetric,
                           squared_mismatch)
from .ordering cimport IntList, find_entry, find_root, give_room, insert, minimum_degree, unite
from .packing cimport Forest, Root, find_packs, grow_forest, order_by_packs
from .packs cimport PACK, Pack, packs_backward, packs_forward, refresh_packs
from .types cimport (BAD_INPUT, COLLAPSE, NOT_CONVERGED, OK, SINGULAR, abs_, f64, i8, i32, i64, max_, min_, sqrt_, u8)

STATE_HEADER = 8
"""Doubles before the voltages in ``Grid.state``: the signature of the switches last solved, then reserve."""

PLANS_KEPT = 32
"""Switch states that stay compiled."""

cdef enum:
    HEADER = 8
    BLOCK = 48 * 1024      # bytes that a plan asks the system for at a time

cdef enum:
    GO_ON = -1     # no status yet

cdef enum Start:
    WARM = 0       # from Grid.state
    COLD = 1
    AS_IT_IS = 2   # from the node voltages an earlier round left

cdef f64 LAMBDA_STEP = 1e-8      # at the nose a continuation's step falls below this share of what it reached
cdef int CONTINUATION_TRIES = 200
cdef int SEGMENT_STEPS = 400     # from knot to knot of volt-var curves
cdef int LIMIT_ROUNDS = 30       # of switching buses to and from their reactive limits
cdef int RELEASES = 3            # times one bus may leave its limit again within a solve: stops cycling


cdef inline f64 sway(const f64* y, f64 e, f64 f, f64 ej, f64 fj) noexcept nogil:
    """dP/d(angle of the other end) of a mutual admittance between the phasors V = e + jf and Vj: Im(V conj(y Vj))."""
    cdef f64 re = y[0] * ej - y[1] * fj, im = y[0] * fj + y[1] * ej
    return f * re - e * im


cdef inline void series_part(const f64* y, f64* out) noexcept nogil:
    """Two-port admittances of a branch without its charging: y_ft y_tf = (y_s / tap)^2, and tap^2 = |y_tt / y_ff|."""
    cdef f64 re = y[2] * y[4] - y[3] * y[5], im = y[2] * y[5] + y[3] * y[4]
    cdef f64 size = sqrt_(re * re + im * im), own = sqrt_(y[0] * y[0] + y[1] * y[1])
    cdef f64 other = sqrt_(y[6] * y[6] + y[7] * y[7]), tap = sqrt_(other / own) if own > 0.0 and other > 0.0 else 1.0
    cdef f64 root_re = sqrt_(max_(0.5 * (size + re), 0.0)), root_im = sqrt_(max_(0.5 * (size - re), 0.0))
    if im < 0.0:
        root_im = -root_im
    if root_re * y[6] + root_im * y[7] < 0.0:
        root_re, root_im = -root_re, -root_im
    out[0], out[1] = root_re / tap, root_im / tap
    out[2], out[3], out[4], out[5] = y[2], y[3], y[4], y[5]
    out[6], out[7] = root_re * tap, root_im * tap


cdef inline void turn(f64* e, f64* f, f64 length, f64 angle) noexcept nogil:
    """Turn the unit phasor (e, f) by about ``angle`` and stretch it, without a sine.

    (1 + jx)/(1 - jx) turns by 2 atan(x); with x = angle/16, eight times over, that is within 2 % of angle up to 3 rad.
    """
    cdef f64 x = angle / 16.0, d = 1.0 / (1.0 + x * x), re = (1.0 - x * x) * d, im = 2.0 * x * d, t
    cdef int k
    for k in range(3):
        t = re * re - im * im
        im = 2.0 * re * im
        re = t
    t = (e[0] * re - f[0] * im) * length
    f[0] = (e[0] * im + f[0] * re) * length
    e[0] = t


# ---- compiling a switch state ------------------------------------------------------------------------------------

cdef array.array _I32 = array.array("i")
cdef array.array _I8 = array.array("b")

cdef i32[::1] _i32(Py_ssize_t n):
    """A zeroed array of n, never empty so that it has an address."""
    return array.clone(_I32, max(n, 1), zero=True)     # a numpy array takes twice the time


@cython.final
cdef class Pattern:
    """Elimination pattern of a symmetric graph whose parts are ordered one after the other.

    With ``fixed`` (nodes that are regulated) the trees that look alike come first in their part, four nodes at a time:
    ``packs_of_part`` says how many fours.
    """

    cdef i32[::1] order, position, ptr, idx, pair_ptr, pair, packs_of_part

    def __init__(self, i32 n, i32[::1] a, i32[::1] b, i32 n_edge, i32[::1] part, i8[::1] fixed=None):
        cdef IntList* adjacent = <IntList*> calloc(max(n, 1), sizeof(IntList))
        cdef i32* block = NULL
        cdef i32 k
        try:
            if adjacent != NULL:
                block = give_room(n, adjacent, &a[0], &b[0], n_edge)
            if block == NULL:
                raise MemoryError
            self.build(n, a, b, n_edge, part, fixed, adjacent)
        finally:
            for k in range(n if adjacent != NULL else 0):
                if adjacent[k].own:
                    free(adjacent[k].at)
            free(block)
            free(adjacent)

    cdef build(self, i32 n, i32[::1] a, i32[::1] b, i32 n_edge, i32[::1] part, i8[::1] fixed, IntList* adjacent):
        cdef i32[::1] found = _i32(n)
        cdef i32 x
        for x in range(n_edge):
            if a[x] != b[x] and (insert(&adjacent[a[x]], b[x]) != 0 or insert(&adjacent[b[x]], a[x]) != 0):
                raise MemoryError
        if n > 0 and minimum_degree(n, adjacent, &found[0]) != 0:
            raise MemoryError
        self.sort_by_part(n, found, part)
        self.packs_of_part = _i32(part.shape[0])
        if fixed is not None and n > 0:
            self.find_packs(n, part, fixed, adjacent)
        self.position = _i32(n)
        for x in range(n):
            self.position[self.order[x]] = x
        self.place_entries(n, adjacent)
        self.place_pairs(n)

    cdef sort_by_part(self, i32 n, i32[::1] found, i32[::1] part):
        """Parts one after the other: they are not connected, so that every elimination stays valid."""
        cdef i32[::1] place = _i32(part.shape[0] + 1)     # a part may have no node at all: all its buses are held
        cdef i32 x
        self.order = _i32(n)
        for x in range(n):
            place[part[x] + 1] += 1
        for x in range(part.shape[0]):
            place[x + 1] += place[x]
        for x in range(n):
            self.order[place[part[found[x]]]] = found[x]
            place[part[found[x]]] += 1

    cdef find_packs(self, i32 n, i32[::1] part, i8[::1] fixed, IntList* adjacent):
        cdef Forest forest
        cdef i32[:, ::1] numbers = np.zeros((7, n + 1), dtype=np.int32)
        cdef i64[::1] shape = np.zeros(n, dtype=np.int64)
        cdef i8[::1] plain = array.clone(_I8, n, zero=True)
        cdef u8[:, ::1] pools = np.zeros((2, n * sizeof(Root)), dtype=np.uint8)
        forest.parent, forest.height, forest.first_child = &numbers[0, 0], &numbers[1, 0], &numbers[2, 0]
        forest.child, forest.rank, forest.lane_of = &numbers[3, 0], &numbers[4, 0], &numbers[5, 0]
        forest.pack_height = &numbers[6, 0]
        forest.shape, forest.plain = &shape[0], &plain[0]
        forest.pool, forest.next_pool = <Root*> &pools[0, 0], <Root*> &pools[1, 0]
        grow_forest(&forest, n, &self.order[0], adjacent, &fixed[0])
        find_packs(&forest, n, &part[0])
        order_by_packs(&forest, n, &self.order[0], &part[0], &self.packs_of_part[0])

    cdef place_entries(self, i32 n, IntList* adjacent):
        cdef i32 k, x, j, value, total = 0
        cdef IntList* row
        self.ptr = _i32(n + 1)
        for k in range(n):
            total += adjacent[self.order[k]].n
            self.ptr[k + 1] = total
        self.idx = _i32(total)
        for k in range(n):
            row = &adjacent[self.order[k]]
            for x in range(row.n):
                value = self.position[row.at[x]]
                j = self.ptr[k] + x
                while j > self.ptr[k] and self.idx[j - 1] > value:
                    self.idx[j] = self.idx[j - 1]
                    j -= 1
                self.idx[j] = value

    cdef place_pairs(self, i32 n):
        cdef i32 k, x, z, d, total = 0
        self.pair_ptr = _i32(n + 1)
        for k in range(n):
            self.pair_ptr[k] = total
            d = self.ptr[k + 1] - self.ptr[k]
            total += d * (d - 1) // 2
        self.pair = _i32(total)
        self.pair_ptr[n] = total
        total = 0
        for k in range(n):
            for x in range(self.ptr[k], self.ptr[k + 1]):
                for z in range(self.ptr[k], x):
                    self.pair[total] = find_entry(&self.ptr[0], &self.idx[0], self.idx[z], self.idx[x])
                    total += 1


@cython.final
cdef class Plan:
    """One switch state of a Grid, compiled: islands, merged buses, elimination schedule, scratch memory."""

    def __cinit__(self, Grid grid, double signature):
        cdef i32[::1] group = merged_groups(grid)
        memset(&self.c, 0, sizeof(Compiled))
        self.kept = []
        self.signature = signature
        self.c.version = self.c.phasor_version = -1
        self.find_islands(grid, group)
        self.find_holders(grid, group)
        self.list_buses(grid, group)
        self.order_nodes(grid, group)
        self.list_members(grid)
        self.place_branches(grid)
        self.mark_simple()
        self.place_packs()
        self.allocate()
        self.combine_curves(grid)
        self.order_ties(grid, group)
        self.factor_ties(grid)

    cdef i32* own_i32(self, i32[::1] array):
        self.kept.append(array)
        return &array[0]

    cdef void* take(self, size_t size) except NULL:
        """Zeroed memory that lives as long as the plan, from blocks of ``BLOCK`` bytes: a plan asks fifty times."""
        cdef Block* fresh
        size = (size + 63) & ~(<size_t> 63)
        if self.memory == NULL or self.memory.used + size > self.memory.room:
            fresh = <Block*> calloc(1, sizeof(Block) + max(size, <size_t> BLOCK))
            if fresh == NULL:
                raise MemoryError
            fresh.room, fresh.below = max(size, <size_t> BLOCK), self.memory
            self.memory = fresh
        self.memory.used += size
        return <u8*> (self.memory + 1) + self.memory.used - size

    def __dealloc__(self):
        cdef Block* below
        while self.memory != NULL:
            below = self.memory.below
            free(self.memory)
            self.memory = below

    cdef i32* new_i32(self, Py_ssize_t n) except NULL:
        return <i32*> self.take(max(n, 1) * sizeof(i32))

    cdef f64* new_f64(self, Py_ssize_t n) except NULL:
        return <f64*> self.take(max(n, 1) * sizeof(f64))

    cdef i8* new_i8(self, Py_ssize_t n) except NULL:
        return <i8*> self.take(max(n, 1))

    cdef find_islands(self, Grid grid, i32[::1] group):
        """Islands that a forming bus can hold, numbered by their lowest bus, and the slack of each."""
        cdef Compiled* c = &self.c
        cdef i32[::1] root = _i32(grid.n_bus), slack = _i32(grid.n_bus)
        cdef i32 k, b
        for k in range(grid.n_bus):
            root[k] = group[k]
            slack[k] = -1
        for b in range(grid.n_branch):
            if grid.closed[b] and not grid.is_coupler[b]:
                unite(&root[0], group[grid.from_bus[b]], group[grid.to_bus[b]])
        for k in range(grid.n_bus):
            b = find_root(&root[0], k)
            if grid.forming_rank[k] > 0 and (slack[b] < 0 or grid.forming_rank[k] < grid.forming_rank[slack[b]]):
                slack[b] = k
        c.island_of_bus = self.new_i32(grid.n_bus)
        c.slack = self.new_i32(grid.n_bus)
        for k in range(grid.n_bus):
            b = find_root(&root[0], k)
            if slack[b] < 0:
                c.island_of_bus[k] = -1
            elif b < k:
                c.island_of_bus[k] = c.island_of_bus[b]
            else:
                c.island_of_bus[k] = c.n_island
                c.slack[c.n_island] = slack[b]
                c.n_island += 1

    cdef find_holders(self, Grid grid, i32[::1] group):
        """The bus whose source holds each held bus: of a merged group the lowest rank."""
        cdef Compiled* c = &self.c
        cdef i32[::1] best = _i32(grid.n_bus)
        cdef i32 k, g
        c.holder = self.new_i32(grid.n_bus)
        for k in range(grid.n_bus):
            best[k] = -1
        for k in range(grid.n_bus):
            g = group[k]
            if grid.forming_rank[k] <= 0 or (not grid.hold_all and c.slack[c.island_of_bus[k]] != k):
                continue
            if best[g] < 0 or grid.forming_rank[k] < grid.forming_rank[best[g]]:
                best[g] = k
        for k in range(grid.n_bus):
            c.holder[k] = best[group[k]]

    cdef list_buses(self, Grid grid, i32[::1] group):
        """Held buses by island, and dead ones."""
        cdef Compiled* c = &self.c
        cdef i32[::1] filled = _i32(c.n_island)
        cdef i32 k, island
        c.first_held = self.new_i32(c.n_island + 1)
        c.held = self.new_i32(grid.n_bus)
        c.dead = self.new_i32(grid.n_bus)
        for k in range(grid.n_bus):
            if c.island_of_bus[k] < 0:
                c.dead[c.n_dead] = k
                c.n_dead += 1
            elif c.holder[k] >= 0:
                c.first_held[c.island_of_bus[k] + 1] += 1
        for island in range(c.n_island):
            c.first_held[island + 1] += c.first_held[island]
        for k in range(grid.n_bus):
            island = c.island_of_bus[k]
            if island >= 0 and c.holder[k] >= 0:
                c.held[c.first_held[island] + filled[island]] = k
                filled[island] += 1

    cdef order_nodes(self, Grid grid, i32[::1] group):
        """Number the free groups, order their elimination, island after island."""
        cdef Compiled* c = &self.c
        cdef i32[::1] number = _i32(grid.n_bus), part = _i32(grid.n_bus)
        cdef i32[::1] a = _i32(grid.n_branch), b = _i32(grid.n_branch)
        cdef i8[::1] fixed = array.clone(_I8, max(grid.n_bus, 1), zero=True)
        cdef i32 k, f, t, n = 0, n_edge = 0
        for k in range(grid.n_bus):
            number[k] = -1
            if c.island_of_bus[k] >= 0 and c.holder[k] < 0:
                if group[k] == k:
                    number[k] = n
                    part[n] = c.island_of_bus[k]
                    n += 1
                else:
                    number[k] = number[group[k]]
        for k in range(grid.n_branch):
            if grid.closed[k] and not grid.is_coupler[k]:
                f = number[grid.from_bus[k]]
                t = number[grid.to_bus[k]]
                if f >= 0 and t >= 0 and f != t:
                    a[n_edge] = f
                    b[n_edge] = t
                    n_edge += 1
        for k in range(grid.n_bus):
            if grid.kind[k] == 1 and number[k] >= 0:
                fixed[number[k]] = 1
        cdef Pattern pattern = Pattern(n, a, b, n_edge, part, fixed)
        c.s.n_node = n
        c.s.n_entry = pattern.ptr[n]
        c.s.ptr = self.own_i32(pattern.ptr)
        c.s.idx = self.own_i32(pattern.idx)
        c.s.pair_ptr = self.own_i32(pattern.pair_ptr)
        c.s.pair = self.own_i32(pattern.pair)
        c.node_of_bus = self.new_i32(grid.n_bus)
        for k in range(grid.n_bus):
            c.node_of_bus[k] = pattern.position[number[k]] if number[k] >= 0 else -1
        c.first_node = self.new_i32(c.n_island + 1)
        for k in range(n):
            c.first_node[part[k] + 1] += 1
        c.first_pack = self.new_i32(c.n_island + 1)
        for k in range(c.n_island):
            c.first_node[k + 1] += c.first_node[k]
            c.first_pack[k + 1] = c.first_pack[k] + pattern.packs_of_part[k]

    cdef list_members(self, Grid grid):
        """Buses of each node, and the bus that regulates it."""
        cdef Compiled* c = &self.c
        cdef i32 k, n
        cdef i32[::1] filled = _i32(c.s.n_node)
        c.first_member = self.new_i32(c.s.n_node + 1)
        c.member = self.new_i32(grid.n_bus)
        c.governor = self.new_i32(c.s.n_node)
        for k in range(grid.n_bus):
            if c.node_of_bus[k] >= 0:
                c.first_member[c.node_of_bus[k] + 1] += 1
        for n in range(c.s.n_node):
            c.first_member[n + 1] += c.first_member[n]
            c.governor[n] = -1
        for k in range(grid.n_bus):
            n = c.node_of_bus[k]
            if n >= 0:
                c.member[c.first_member[n] + filled[n]] = k
                filled[n] += 1
                if grid.kind[k] == 1 and c.governor[n] < 0:
                    c.governor[n] = k
                    c.n_governor += 1

    cdef place_branches(self, Grid grid):
        """Closed branches of energised islands, and where each stands in the pattern."""
        cdef Compiled* c = &self.c
        cdef i32 k, f, t
        c.live = self.new_i32(grid.n_branch)
        c.coupler = self.new_i32(grid.n_branch)
        c.entry = self.new_i32(grid.n_branch)
        for k in range(grid.n_branch):
            c.entry[k] = -1
            if not grid.closed[k] or c.island_of_bus[grid.from_bus[k]] < 0:
                continue
            if grid.is_coupler[k]:
                c.coupler[c.n_coupler] = k
                c.n_coupler += 1
                continue
            c.live[c.n_live] = k
            c.n_live += 1
            f = c.node_of_bus[grid.from_bus[k]]
            t = c.node_of_bus[grid.to_bus[k]]
            if f >= 0 and t >= 0 and f != t:
                c.entry[k] = find_entry(c.s.ptr, c.s.idx, min(f, t), max(f, t))

    cdef mark_simple(self):
        """Nodes with at most one entry that nothing changes: leaves of a tree and, one by one, the whole tree."""
        cdef Compiled* c = &self.c
        cdef i32 k, x
        cdef i8[::1] varies = array.clone(_I8, max(c.s.n_entry, 1), zero=True)
        c.s.node = <Node*> self.take(max(c.s.n_node, 1) * sizeof(Node))
        for x in range(c.s.pair_ptr[c.s.n_node]):
            varies[c.s.pair[x]] = 1
        for k in range(c.s.n_node):
            for x in range(c.s.ptr[k], c.s.ptr[k + 1]):
                if c.governor[k] >= 0 or c.governor[c.s.idx[x]] >= 0:
                    varies[x] = 1
        for k in range(c.s.n_node):
            x = c.s.ptr[k]
            c.s.node[k].parent = -1
            if c.s.ptr[k + 1] == x:
                c.s.node[k].simple = 1
            elif c.s.ptr[k + 1] == x + 1 and not varies[x]:
                c.s.node[k].simple = 1
                c.s.node[k].parent = c.s.idx[x]

    cdef place_packs(self):
        """Position of each pack and what stands above it."""
        cdef Compiled* c = &self.c
        cdef i32 island, k, lane, at, n = c.first_pack[c.n_island]
        cdef i32[::1] pack_of = _i32(c.s.n_node + 1)
        c.pack = <Pack*> self.take(max(n, 1) * sizeof(Pack))
        for k in range(c.s.n_node):
            pack_of[k] = -1
        for island in range(c.n_island):
            for k in range(c.first_pack[island], c.first_pack[island + 1]):
                c.pack[k].position = c.first_node[island] + PACK * (k - c.first_pack[island])
                c.pack[k].leaf = 1
                pack_of[c.pack[k].position] = k
        for k in range(n):      # a pack's parents are later
            at = c.s.node[c.pack[k].position].parent
            c.pack[k].parent = pack_of[at] if at >= 0 else -1
            if c.pack[k].parent >= 0:
                c.pack[k].stores = c.pack[c.pack[k].parent].leaf
                c.pack[c.pack[k].parent].leaf = 0
            for lane in range(PACK):
                c.pack[k].above[lane] = c.s.node[c.pack[k].position + lane].parent

    cdef allocate(self):
        cdef System* s = &self.c.s
        s.upper = self.new_f64(2 * s.n_entry)
        s.lower = self.new_f64(2 * s.n_entry)
        s.block = self.new_f64(6 * s.n_node)
        s.slot = self.new_f64(8 * s.n_entry)
        s.p = self.new_f64(s.n_node)
        s.q = self.new_f64(s.n_node)
        s.zip = self.new_f64(4 * s.n_node)
        s.v_set2 = self.new_f64(s.n_node)
        s.e = self.new_f64(s.n_node)
        s.f = self.new_f64(s.n_node)
        s.weight = self.new_f64(s.n_node)
        s.current = self.new_f64(2 * s.n_node)
        s.step = self.new_f64(2 * s.n_node)
        s.role = self.new_i8(s.n_node)
        self.c.good_e = self.new_f64(s.n_node)
        self.c.good_f = self.new_f64(s.n_node)
        self.c.releases = self.new_i8(s.n_node)
        self.c.mode = self.new_f64(s.n_node)
        self.c.phasor = self.new_f64(2 * s.n_node)

    cdef combine_curves(self, Grid grid):
        """Volt-var curve of each node: the sum of its buses' curves, with the points of all of them."""
        cdef Compiled* c = &self.c
        cdef f64[::1] values
        if not grid.has_curve:
            return
        ptr, points = np.zeros(c.s.n_node + 1, dtype=np.int32), []
        of_bus, all_points = grid.arrays["curve_ptr"], grid.arrays["curve"].reshape(-1, 2)
        for k in range(c.s.n_node):
            curves = [all_points[of_bus[bus]:of_bus[bus + 1]] for bus in
                      [c.member[x] for x in range(c.first_member[k], c.first_member[k + 1])]]
            curves = [curve for curve in curves if len(curve)]
            ptr[k + 1] = ptr[k]
            if curves:
                knots = np.unique(np.concatenate([curve[:, 0] for curve in curves]))
                total = sum(np.interp(knots, curve[:, 0], curve[:, 1]) for curve in curves)
                points.append(np.stack([knots, total], axis=1))
                ptr[k + 1] += len(knots)
        c.s.curve_ptr = self.own_i32(ptr)
        values = np.concatenate(points).reshape(-1) if points else np.zeros(2)
        self.kept.append(values)
        c.s.curve = &values[0]
        c.s.curve_scale = 1.0

    cdef order_ties(self, Grid grid, i32[::1] group):
        """Pattern of the couplers' Laplacian; the lowest bus of each merged group is its ground."""
        cdef Compiled* c = &self.c
        c.tie_of_bus = self.new_i32(grid.n_bus)
        if c.n_coupler == 0:
            memset(c.tie_of_bus, 255, grid.n_bus * sizeof(i32))     # -1
            return
        self.place_ties(grid, group)

    cdef place_ties(self, Grid grid, i32[::1] group):
        cdef Compiled* c = &self.c
        cdef i32[::1] number = _i32(grid.n_bus), part = _i32(grid.n_bus)
        cdef i32[::1] a = _i32(c.n_coupler), b = _i32(c.n_coupler)
        cdef i32 k, f, t, n = 0, n_edge = 0
        for k in range(grid.n_bus):
            number[k] = -1
            if group[k] != k and c.island_of_bus[k] >= 0:
                number[k] = n
                n += 1
        for k in range(c.n_coupler):
            f = number[grid.from_bus[c.coupler[k]]]
            t = number[grid.to_bus[c.coupler[k]]]
            if f >= 0 and t >= 0 and f != t:
                a[n_edge] = f
                b[n_edge] = t
                n_edge += 1
        cdef Pattern pattern = Pattern(n, a, b, n_edge, part)
        c.n_tie = n
        c.tie_ptr = self.own_i32(pattern.ptr)
        c.tie_idx = self.own_i32(pattern.idx)
        c.tie_pair_ptr = self.own_i32(pattern.pair_ptr)
        c.tie_pair = self.own_i32(pattern.pair)
        for k in range(grid.n_bus):
            c.tie_of_bus[k] = pattern.position[number[k]] if number[k] >= 0 else -1
        c.tie_diagonal = self.new_f64(n)
        c.tie_entry = self.new_f64(pattern.ptr[n])
        c.tie_p = self.new_f64(n)
        c.tie_q = self.new_f64(n)

    cdef factor_ties(self, Grid grid):
        cdef Compiled* c = &self.c
        cdef i32 k, f, t
        for k in range(c.n_coupler):
            f = c.tie_of_bus[grid.from_bus[c.coupler[k]]]
            t = c.tie_of_bus[grid.to_bus[c.coupler[k]]]
            if f == t:
                continue
            if f >= 0:
                c.tie_diagonal[f] += 1.0
            if t >= 0:
                c.tie_diagonal[t] += 1.0
            if f >= 0 and t >= 0:
                c.tie_entry[find_entry(c.tie_ptr, c.tie_idx, min(f, t), max(f, t))] -= 1.0
        factor_symmetric(c.tie_ptr, c.tie_idx, c.tie_pair_ptr, c.tie_pair, 0, c.n_tie, c.tie_diagonal, c.tie_entry)


cdef i32[::1] merged_groups(Grid grid):
    """For every bus the lowest bus that closed couplers join it to."""
    cdef i32[::1] group = _i32(grid.n_bus)
    cdef i32 k
    for k in range(grid.n_bus):
        group[k] = k
    for k in range(grid.n_branch):
        if grid.is_coupler[k] and grid.closed[k]:
            unite(&group[0], grid.from_bus[k], grid.to_bus[k])
    for k in range(grid.n_bus):
        group[k] = find_root(&group[0], k)
    return group


# ---- the grid ----------------------------------------------------------------------------------------------------

def _array(name, values, n, dtype, default):
    """``values`` as a fresh contiguous array of shape (n,); ValueError names the argument that does not fit."""
    if values is None:
        return np.full(max(n, 1), default, dtype=dtype)
    found = np.array(values, dtype=dtype)
    if found.shape != (n,):
        raise ValueError(f"{name} has shape {found.shape}, expected ({n},)")
    if dtype in (np.float64, np.complex128) and np.isnan(found).any():
        raise ValueError(f"{name} holds NaN")
    return found if n else np.full(1, default, dtype=dtype)


@cython.final
@cython.nonecheck(False)      # in a debug build Cython would check `self` itself, which needs the GIL
cdef class Grid:
    """AC power flow of one grid: admittances and switches in, voltages and flows out.

    Buses and branches are indices. All arrays in per unit of ``base_mva``. ``y_ff`` .. ``y_tt`` (n_branch,) are the
    branch's two-port admittances, ``is_coupler`` marks branches without impedance: closed, they merge their buses.
    ``forming_rank`` > 0 marks buses that can hold an island at ``forming_vm`` and ``forming_va`` (radians); the lowest
    rank of an island is its slack, the others inject what the caller says, unless ``hold_all`` holds every one.
    ``q_curves`` maps a bus to its volt-var curve, (n_point, 2): |V|, rising, and the power injected beside q_pu.
    ``kind`` 1 regulates |V| to ``v_set`` with a source between ``q_min`` and ``q_max`` beside q_pu. ``z_share`` and
    ``i_share`` make part of p_pu, q_pu go with |V|^2 and |V|. Raise ValueError on shapes, indices or NaN.
    """

    def __init__(self, *, int n_bus, from_bus, to_bus, y_ff, y_ft, y_tf, y_tt, is_coupler=None, closed=None,
                 y_shunt=None, forming_rank=None, forming_vm=None, forming_va=None, rate_pu=None, double base_mva=100.0,
                 kind=None, v_set=None, q_min=None, q_max=None, z_share=None, i_share=None, q_curves=None,
                 bint hold_all=False):
        cdef int n_branch = len(from_bus)
        if n_bus < 1:
            raise ValueError("a grid needs at least one bus")
        self.n_bus, self.n_branch, self.base_mva, self.hold_all = n_bus, n_branch, base_mva, hold_all
        self.arrays, self.plans, self.dirty, self.version = {}, {}, True, 0
        self.from_bus = self.own_i32("from_bus", _array("from_bus", from_bus, n_branch, np.int32, 0))
        self.to_bus = self.own_i32("to_bus", _array("to_bus", to_bus, n_branch, np.int32, 0))
        for name in ("from_bus", "to_bus"):
            if ((self.arrays[name] < 0) | (self.arrays[name] >= n_bus)).any():
                raise ValueError(f"{name} points outside 0 .. {n_bus - 1}")
        ports = [_array(name, values, n_branch, np.complex128, 0.0)
                 for name, values in (("y_ff", y_ff), ("y_ft", y_ft), ("y_tf", y_tf), ("y_tt", y_tt))]
        self.y = self.own_f64("y", np.stack(ports, axis=1).view(np.float64).reshape(-1))
        shunt = _array("y_shunt", y_shunt, n_bus, np.complex128, 0.0)
        self.y_shunt = self.own_f64("y_shunt", shunt.view(np.float64))
        if not (np.isfinite(self.arrays["y"]).all() and np.isfinite(shunt).all()):
            raise ValueError("an admittance is infinite: mark branches without impedance as couplers")
        self.rate_pu = self.own_f64("rate_pu", _array("rate_pu", rate_pu, n_branch, np.float64, 0.0))
        self.is_coupler = self.own_u8("is_coupler", _array("is_coupler", is_coupler, n_branch, np.uint8, 0))
        self.closed = self.own_u8("closed", _array("closed", closed, n_branch, np.uint8, 1))
        self.forming_rank = self.own_i32("forming_rank", _array("forming_rank", forming_rank, n_bus, np.int32, 0))
        vm = _array("forming_vm", forming_vm, n_bus, np.float64, 1.0)
        va = _array("forming_va", forming_va, n_bus, np.float64, 0.0)
        self.held_re = self.own_f64("held_re", np.array([m * math.cos(a) for m, a in zip(vm, va)]))
        self.held_im = self.own_f64("held_im", np.array([m * math.sin(a) for m, a in zip(vm, va)]))
        self.kind = self.own_i8("kind", _array("kind", kind, n_bus, np.int8, 0))
        self.v_set = self.own_f64("v_set", _array("v_set", v_set, n_bus, np.float64, 1.0))
        self.q_min = self.own_f64("q_min", _array("q_min", q_min, n_bus, np.float64, -INFINITY))
        self.q_max = self.own_f64("q_max", _array("q_max", q_max, n_bus, np.float64, INFINITY))
        self.z_share = self.own_f64("z_share", _array("z_share", z_share, n_bus, np.float64, 0.0))
        self.i_share = self.own_f64("i_share", _array("i_share", i_share, n_bus, np.float64, 0.0))
        self.place_curves(q_curves or {})
        self.has_zip = self.has_curve or bool(self.arrays["z_share"].any() or self.arrays["i_share"].any())
        self.allocate()

    cdef place_curves(self, q_curves):
        """Volt-var curves of all buses, one after the other."""
        ptr, points = np.zeros(self.n_bus + 1, dtype=np.int32), [np.zeros((0, 2))]
        for bus in sorted(q_curves):
            self.check(bus, self.n_bus, "bus")
            curve = np.array(q_curves[bus], dtype=np.float64)
            if curve.ndim != 2 or curve.shape[1] != 2 or not np.isfinite(curve).all() or (np.diff(curve[:, 0]) <= 0).any():
                raise ValueError(f"q_curves[{bus}]: expected points (|V|, power) with rising |V|")
            points.append(curve)
            ptr[bus + 1] = len(curve)
        self.has_curve = bool(ptr.any())
        self.curve_ptr = self.own_i32("curve_ptr", np.cumsum(ptr, dtype=np.int32))
        self.curve = self.own_f64("curve", np.concatenate(points).reshape(-1) if self.has_curve else np.zeros(2))

    cdef allocate(self):
        """Inputs, state and results; none of them ever moves."""
        cdef int n = self.n_bus, m = self.n_branch
        self.n_state = HEADER + 3 * n
        self.state = self.new_f64("state", self.n_state)
        self.vr = self.state + HEADER
        self.vi = self.vr + n
        self.q_mode = self.vi + n
        for k, name in enumerate(("vr", "vi", "q_mode")):
            self.arrays[name] = self.arrays["state"][HEADER + k * n:HEADER + (k + 1) * n]
        self.p_pu, self.q_pu = self.new_f64("p_pu", n), self.new_f64("q_pu", n)
        self.vm = self.new_f64("vm", n)
        self.p_bus, self.q_bus = self.new_f64("p_bus", n), self.new_f64("q_bus", n)
        self.out_p, self.out_q = self.new_f64("out_p", n), self.new_f64("out_q", n)
        self.p_from, self.q_from = self.new_f64("p_from", m), self.new_f64("q_from", m)
        self.p_to, self.q_to = self.new_f64("p_to", m), self.new_f64("q_to", m)
        self.loading = self.new_f64("loading", m)
        self.island_of_bus = self.own_i32("island_of_bus", np.full(n, -1, dtype=np.int32))
        self.slack_of_island = self.own_i32("slack_of_island", np.zeros(n, dtype=np.int32))
        self.island_status = self.own_i32("island_status", np.zeros(n, dtype=np.int32))
        self.island_iterations = self.own_i32("island_iterations", np.zeros(n, dtype=np.int32))
        self.island_lambda = self.new_f64("island_lambda", n)
        self.slack_p, self.slack_q = self.new_f64("slack_p", n), self.new_f64("slack_q", n)
        self.alive = self.own_u8("alive", np.zeros(n, dtype=np.uint8))

    cdef f64* own_f64(self, str name, f64[::1] array):
        self.arrays[name] = np.asarray(array)
        return &array[0]

    cdef f64* new_f64(self, str name, Py_ssize_t n):
        return self.own_f64(name, np.zeros(max(n, 1)))

    cdef i32* own_i32(self, str name, i32[::1] array):
        self.arrays[name] = np.asarray(array)
        return &array[0]

    cdef i8* own_i8(self, str name, i8[::1] array):
        self.arrays[name] = np.asarray(array)
        return &array[0]

    cdef u8* own_u8(self, str name, u8[::1] array):
        self.arrays[name] = np.asarray(array)
        return &array[0]

    # ---- switching and patching

    def set_closed(self, int branch, bint closed):
        """Open or close a branch; takes effect at the next solve, exactly (no small admittance is left)."""
        self.check(branch, self.n_branch, "branch")
        self.dirty = self.dirty or self.closed[branch] != closed
        self.closed[branch] = closed

    def set_forming(self, int bus, int rank, vm=None, va=None):
        """Let a bus hold an island with this rank (0: no longer), at ``vm`` per unit and ``va`` radians if given."""
        self.check(bus, self.n_bus, "bus")
        if rank < 0:
            raise ValueError(f"rank = {rank}, expected 0 or above")
        self.dirty = self.dirty or self.forming_rank[bus] != rank
        self.forming_rank[bus] = rank
        if vm is not None or va is not None:
            old = complex(self.held_re[bus], self.held_im[bus])
            vm = abs(old) if vm is None else float(vm)
            va = math.atan2(old.imag, old.real) if va is None else float(va)
            if not (math.isfinite(vm) and math.isfinite(va) and vm > 0.0):
                raise ValueError(f"vm = {vm}, va = {va}: expected a voltage above 0")
            self.held_re[bus], self.held_im[bus] = vm * math.cos(va), vm * math.sin(va)
            self.version += 1

    def set_tap(self, int branch, y_ff, y_ft, y_tf, y_tt):
        """New two-port admittances of a branch, a tap step for example: a patch of values, nothing is recompiled."""
        self.check(branch, self.n_branch, "branch")
        values = np.array([y_ff, y_ft, y_tf, y_tt], dtype=np.complex128)
        if not np.isfinite(values).all():
            raise ValueError("an admittance is not finite")
        self.arrays["y"][8 * branch:8 * branch + 8] = values.view(np.float64)
        self.version += 1

    def set_shunt(self, int bus, y_shunt):
        """New shunt admittance of a bus, per unit."""
        self.check(bus, self.n_bus, "bus")
        value = complex(y_shunt)
        if not (math.isfinite(value.real) and math.isfinite(value.imag)):
            raise ValueError("an admittance is not finite")
        self.y_shunt[2 * bus], self.y_shunt[2 * bus + 1] = value.real, value.imag
        self.version += 1

    def check(self, int index, int end, str what):
        """Raise IndexError where ``index`` is not in 0 .. end - 1."""
        if not 0 <= index < end:
            raise IndexError(f"{what} {index}: expected 0 .. {end - 1}")

    def forget(self):
        """Make the next solve start cold, as after switching, so that it depends on its input alone."""
        self.state[0] = 0.0

    def rebuild(self):
        """Compile the present switch state afresh, even where it is known."""
        self.plans.clear()
        self.dirty = True
        self.ensure()

    cpdef ensure(self):
        """Bring islands and schedule up to date with the switches; cheap where the state is known."""
        if not self.dirty:
            return
        key = self.arrays["closed"].tobytes() + self.arrays["forming_rank"].tobytes()
        plan = self.plans.pop(key, None)
        if plan is None:
            # 48 bits, so that the number is exact in a double; the 1 keeps it off 0, which means "never solved"
            signature = int.from_bytes(hashlib.blake2b(key, digest_size=6).digest(), "little") | 1
            plan = Plan(self, signature)
        self.plans[key] = plan
        while len(self.plans) > PLANS_KEPT:
            del self.plans[next(iter(self.plans))]
        self.activate(plan)

    cdef activate(self, Plan plan):
        cdef i32 k
        self.plan = plan
        self.c = &plan.c
        self.n_island = self.c.n_island
        memcpy(self.island_of_bus, self.c.island_of_bus, self.n_bus * sizeof(i32))
        memcpy(self.slack_of_island, self.c.slack, self.n_bus * sizeof(i32))
        for k in range(self.n_bus):
            self.alive[k] = self.island_of_bus[k] >= 0
        for k in range(self.n_branch):      # what is not live any more must not keep an old value
            self.p_from[k] = self.q_from[k] = self.p_to[k] = self.q_to[k] = self.loading[k] = 0.0
        for k in range(self.n_bus):
            self.p_bus[k] = self.q_bus[k] = self.vm[k] = 0.0
        self.dirty = False

    cdef int ensure_gil(self) noexcept with gil:
        self.ensure()
        return 0

    def power_flow(self, double tol=1e-8, int max_iter=12):
        """Solve and compute all flows; the largest Status of any island, see ``arrays["island_status"]``."""
        cdef int status
        self.ensure()
        with nogil:
            status = self.solve(tol, max_iter)
            self.flows()
        return status

    def series(self, const f64[:, ::1] p_pu, const f64[:, ::1] q_pu, dict out, double tol=1e-8, int max_iter=12):
        """Solve row after row of injections (n_step, n_bus), each warm from the row before.

        ``out`` maps names of ``arrays`` to float64 arrays (n_step, ...) that take that result of every row, and
        "status", "iterations", "loss_p", "slack_p", "mismatch" and "load_factor" to arrays (n_step,) for the totals.
        """
        cdef i64 row
        cdef int status
        if p_pu.shape[1] != self.n_bus or q_pu.shape[1] != self.n_bus or p_pu.shape[0] != q_pu.shape[0]:
            raise ValueError(f"injections need the shape (n_step, {self.n_bus})")
        totals = ("status", "iterations", "loss_p", "slack_p", "mismatch", "load_factor")
        pairs = [(out[name], self.arrays[name]) for name in out if name not in totals]
        self.ensure()
        for row in range(p_pu.shape[0]):
            memcpy(self.p_pu, &p_pu[row, 0], self.n_bus * sizeof(f64))
            memcpy(self.q_pu, &q_pu[row, 0], self.n_bus * sizeof(f64))
            with nogil:
                status = self.solve(tol, max_iter)
                self.flows()
            for target, source in pairs:
                target[row] = source
            out["status"][row], out["iterations"][row], out["loss_p"][row] = status, self.iterations, self.loss_p
            out["mismatch"][row] = max(self.mismatch_p, self.mismatch_q)
            out["slack_p"][row] = sum(self.slack_p[k] for k in range(self.n_island))
            out["load_factor"][row] = self.load_factor()

    def load_factor(self):
        """Least share of its injections that an island with status COLLAPSE can carry; 1 without one."""
        cdef i32 k
        cdef f64 least = 1.0
        for k in range(self.n_island):
            if self.island_status[k] == COLLAPSE:
                least = min_(least, self.island_lambda[k])
        return least

    def solve_dc(self, const f64[::1] susceptance, f64[:, ::1] rows):
        """Turn injections (n_case, n_bus) into the angles they make in the DC model of the present switch state.

        ``susceptance`` (n_branch,) and the injections in per unit, angles in radians; held and dead buses have 0.
        In place. Raise ValueError where the DC matrix cannot be factored.
        """
        self.ensure()
        cdef Compiled* c = self.c
        cdef const System* s = &c.s
        cdef f64[::1] diagonal = np.zeros(max(s.n_node, 1)), entry = np.zeros(max(s.n_entry, 1))
        cdef f64[::1] x = np.zeros(max(s.n_node, 1))
        cdef i32 k, b, f, t
        cdef i64 row
        if susceptance.shape[0] != self.n_branch or rows.shape[1] != self.n_bus:
            raise ValueError(f"expected shapes ({self.n_branch},) and (n_case, {self.n_bus})")
        for k in range(c.n_live):
            b = c.live[k]
            f, t = c.node_of_bus[self.from_bus[b]], c.node_of_bus[self.to_bus[b]]
            if f >= 0 and f != t:
                diagonal[f] += susceptance[b]
            if t >= 0 and f != t:
                diagonal[t] += susceptance[b]
            if c.entry[b] >= 0:
                entry[c.entry[b]] -= susceptance[b]
        factor_symmetric(s.ptr, s.idx, s.pair_ptr, s.pair, 0, s.n_node, &diagonal[0], &entry[0])
        if s.n_node > 0 and not (np.isfinite(diagonal).all() and np.all(diagonal)):
            raise ValueError("the DC matrix is singular: negative reactances cancel")
        with nogil:
            for row in range(rows.shape[0]):
                memset(&x[0], 0, s.n_node * sizeof(f64))
                for k in range(self.n_bus):
                    if c.node_of_bus[k] >= 0:
                        x[c.node_of_bus[k]] += rows[row, k]
                solve_symmetric(s.ptr, s.idx, 0, s.n_node, &diagonal[0], &entry[0], &x[0])
                for k in range(self.n_bus):
                    rows[row, k] = x[c.node_of_bus[k]] if c.node_of_bus[k] >= 0 else 0.0

    def stepwise(self, const f64[:, ::1] p_pu, const f64[:, ::1] q_pu, double tol=1e-8, int max_iter=12):
        """Solve row after row as a simulation does, voltages only, each warm from the one before; the last voltages."""
        cdef i64 row
        cdef int status = OK
        self.ensure()
        with nogil:
            for row in range(p_pu.shape[0]):
                memcpy(self.p_pu, &p_pu[row, 0], self.n_bus * sizeof(f64))
                memcpy(self.q_pu, &q_pu[row, 0], self.n_bus * sizeof(f64))
                status = max(status, self.solve(tol, max_iter))
        if status != OK:
            raise ValueError(f"status {status}")
        return self.arrays["vr"] + 1j * self.arrays["vi"]

    def replay(self, const f64[:, :, ::1] v, const f64[:, ::1] p_pu, const f64[:, ::1] q_pu,
               const i8[:, ::1] island_status, dict out):
        """All flows of rows that were solved before: ``v`` (n_step, n_bus, 2) are their voltages; ``out`` as series.

        Of ``out`` the totals "status" and "iterations" are not known here.
        """
        cdef i64 row
        cdef i32 k
        totals = ("loss_p", "slack_p", "mismatch")
        pairs = [(out[name], self.arrays[name]) for name in out if name not in totals]
        self.ensure()
        for row in range(v.shape[0]):
            for k in range(self.n_bus):
                self.vr[k], self.vi[k] = v[row, k, 0], v[row, k, 1]
                self.p_pu[k], self.q_pu[k], self.q_mode[k] = p_pu[row, k], q_pu[row, k], 0.0
            for k in range(self.n_island):
                self.island_status[k] = island_status[row, k]
            with nogil:
                self.flows()
            for target, source in pairs:
                target[row] = source
            out["loss_p"][row] = self.loss_p
            out["mismatch"][row] = max(self.mismatch_p, self.mismatch_q)
            out["slack_p"][row] = sum(self.slack_p[k] for k in range(self.n_island))

    # ---- values of the compiled admittance matrix

    cdef void refresh_values(self, bint bare) noexcept nogil:
        """Compute the rows of all nodes; ``bare`` leaves out shunts and charging, for start values."""
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef i32 b, k, x, f, t
        cdef f64 series[8]
        cdef const f64* y
        memset(s.upper, 0, 2 * s.n_entry * sizeof(f64))
        memset(s.lower, 0, 2 * s.n_entry * sizeof(f64))
        for k in range(s.n_node):
            s.node[k].g = s.node[k].b = s.node[k].i0_re = s.node[k].i0_im = 0.0
            for x in range(c.first_member[k], c.first_member[k + 1]):
                s.node[k].g += 0.0 if bare else self.y_shunt[2 * c.member[x]]
                s.node[k].b += 0.0 if bare else self.y_shunt[2 * c.member[x] + 1]
        for x in range(c.n_live):
            b = c.live[x]
            f = c.node_of_bus[self.from_bus[b]]
            t = c.node_of_bus[self.to_bus[b]]
            y = self.y + 8 * b
            if bare:
                series_part(y, series)
                y = series
            self.add_end(f, t, self.to_bus[b], c.entry[b], y, y + 2)
            self.add_end(t, f, self.from_bus[b], c.entry[b], y + 6, y + 4)
        for k in range(s.n_node):
            if s.node[k].parent >= 0:
                x = 2 * s.ptr[k]
                s.node[k].up_g, s.node[k].up_b = s.upper[x], s.upper[x + 1]
                s.node[k].low_g, s.node[k].low_b = s.lower[x], s.lower[x + 1]
        refresh_packs(s, c.pack, c.first_pack[c.n_island])
        c.version = -1 if bare else self.version

    cdef void add_end(self, i32 own, i32 other, i32 other_bus, i32 entry, const f64* y_own,
                      const f64* y_mutual) noexcept nogil:
        """Stamp one end of a branch into the row of node ``own``; -1 is a held bus, which has no row."""
        cdef Node* node = self.c.s.node + own
        cdef f64* place
        cdef f64 re, im
        if own < 0:
            return
        node.g += y_own[0]
        node.b += y_own[1]
        if own == other:            # both ends in one merged group
            node.g += y_mutual[0]
            node.b += y_mutual[1]
        elif other < 0:
            re = self.held_re[self.c.holder[other_bus]]
            im = self.held_im[self.c.holder[other_bus]]
            node.i0_re += y_mutual[0] * re - y_mutual[1] * im
            node.i0_im += y_mutual[0] * im + y_mutual[1] * re
        else:
            place = (self.c.s.upper if own < other else self.c.s.lower) + 2 * entry
            place[0] += y_mutual[0]
            place[1] += y_mutual[1]

    # ---- solving

    cdef int solve(self, double tol, int max_iter) noexcept nogil:
        """Voltages of every energised island for the present p_pu, q_pu; the largest Status of any island.

        Warm start from the present voltages; cold after switching and in islands that were dead. A failing island
        keeps its last voltages and disturbs no other. ``tol`` bounds the power mismatch of every bus.
        """
        cdef i32 island, k
        cdef int status, worst = OK
        cdef bint cold
        if self.dirty:
            self.ensure_gil()
            if self.dirty:
                return BAD_INPUT
        if self.c.version != self.version:
            self.refresh_values(False)
        cold = self.state[0] != self.plan.signature
        self.state[0] = self.plan.signature
        self.iterations = 0
        for k in range(self.c.n_dead):
            self.vr[self.c.dead[k]] = self.vi[self.c.dead[k]] = self.q_mode[self.c.dead[k]] = 0.0
        for island in range(self.n_island):
            self.island_iterations[island] = 0
            self.island_lambda[island] = 1.0
            status = self.solve_island(island, tol, max_iter, cold)
            self.island_status[island] = status
            self.iterations = max(self.iterations, self.island_iterations[island])
            worst = max(worst, status)
        for k in range(self.c.n_dead):
            if self.p_pu[self.c.dead[k]] * 0.0 + self.q_pu[self.c.dead[k]] * 0.0 != 0.0:
                worst = max(worst, <int> BAD_INPUT)
        return worst

    cdef int solve_island(self, i32 island, double tol, int max_iter, bint cold) noexcept nogil:
        """Solve one island, switching regulated buses to and from their reactive limits until none moves."""
        cdef Compiled* c = self.c
        cdef int status, k, start = COLD if cold else WARM
        if not self.finite_input(island):
            return BAD_INPUT
        if c.n_governor > 0:
            for k in range(c.first_node[island], c.first_node[island + 1]):
                c.releases[k] = 0
                c.mode[k] = 0.0 if cold or c.governor[k] < 0 else self.q_mode[c.governor[k]]
        for k in range(LIMIT_ROUNDS):
            status = self.robust(island, tol, max_iter, start)
            if status != OK:
                return status
            if self.apply_limits(island, tol) == 0:
                self.scatter(island)
                return OK
            start = AS_IT_IS
        return NOT_CONVERGED

    cdef int robust(self, i32 island, double tol, int max_iter, int start) noexcept nogil:
        """Newton from the present voltages; then from DC angles; then damped; then along the load."""
        cdef int status
        if start == AS_IT_IS or (start == WARM and self.gather(island)):
            self.load_injections(island, 1.0)
            status = self.newton(island, tol, max_iter)
            if status == OK:
                return OK
        self.cold_start(island, 1.0)
        status = self.newton(island, tol, max_iter)
        if status == OK:
            return OK
        if self.has_curve:
            self.cold_start(island, 1.0)
            status = self.by_segments(island, tol)
            if status == OK:
                return OK
        self.cold_start(island, 1.0)
        status = self.damped(island, tol, 2 * max_iter)
        if status == OK:
            return OK
        return self.continuation(island, tol, max_iter)

    cdef int newton(self, i32 island, double tol, int max_iter) noexcept nogil:
        cdef System* s = &self.c.s
        cdef i32 first = self.c.first_node[island], end = self.c.first_node[island + 1], k
        cdef i32 pack = self.c.first_pack[island], last_pack = self.c.first_pack[island + 1], single
        cdef bint regulated = False
        cdef f64 worst
        cdef int odd, it, status
        if self.has_zip:        # a ZIP load is a matter of its own node
            pack = last_pack
        single = first + PACK * (last_pack - pack)
        for k in range(first, end):
            regulated = regulated or s.role[k] == REGULATED
        if regulated:
            currents(s, first, end, s.e, s.f, 1, s.current, True)
        for it in range(max_iter):
            clear(s, single, end)
            odd = packs_forward(s, self.c.pack, pack, last_pack) ^ eliminate(s, single, end)
            worst = backward(s, single, end)
            worst = max_(packs_backward(s, self.c.pack, pack, last_pack, regulated), worst)
            if regulated:
                worst = max_(worst, regulated_error(s, first, end))
            status = self.verdict(island, worst, odd, tol)
            if status != GO_ON:
                return status
        return NOT_CONVERGED

    cdef int verdict(self, i32 island, f64 worst, int odd, double tol) noexcept nogil:
        """Count a Newton step and judge what it left: GO_ON, or the status of the solve."""
        self.island_iterations[island] += 1
        if worst <= tol:
            return self.accepted(island, odd)
        if not worst < 1e30:
            return SINGULAR if worst != worst else NOT_CONVERGED
        return GO_ON

    cdef int accepted(self, i32 island, int odd) noexcept nogil:
        """Whether a converged point is finite and the upper solution: OK, SINGULAR or COLLAPSE.

        The Jacobian's determinant has the sign it has without load, minus once for each regulated bus, on the whole
        upper branch, and changes it at the nose (docs/powerflow.md).
        """
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef f64 least, v2, check = 0.0
        cdef bint low = False
        cdef i32 k
        least = self.lowest(island)
        for k in range(c.first_node[island], c.first_node[island + 1]):
            v2 = s.e[k] * s.e[k] + s.f[k] * s.f[k]
            check += v2 * 0.0
            odd ^= s.role[k] == REGULATED
            low = low or (v2 < least and s.role[k] != IDLE and (s.p[k] != 0.0 or s.q[k] != 0.0))
        if check != 0.0:
            return SINGULAR
        return COLLAPSE if odd or low else OK

    cdef int by_segments(self, i32 island, double tol) noexcept nogil:
        """Newton that stops just beyond the first point of a volt-var curve that a step passes.

        Full steps can jump to and fro over a steep piece; going from piece to piece ends for monotone curves
        (J. Katzenelson, An algorithm for solving nonlinear resistor networks, Bell Syst. Tech. J. 44 (8), 1965).
        """
        cdef System* s = &self.c.s
        cdef i32 first = self.c.first_node[island], end = self.c.first_node[island + 1]
        cdef f64 worst, length
        cdef int odd, it, status
        for it in range(SEGMENT_STEPS):
            currents(s, first, end, s.e, s.f, 1, s.current, True)
            odd = forward(s, first, end)
            worst = backward(s, first, end)
            worst = max_(worst, regulated_error(s, first, end))
            status = self.verdict(island, worst, odd, tol)
            if status != GO_ON:
                return status
            length = self.to_next_knot(island)
            if length < 1.0:
                self.move(island, length - 1.0)
        return NOT_CONVERGED

    cdef f64 to_next_knot(self, i32 island) noexcept nogil:
        """Share of the last step after which the first node passes a point of its volt-var curve; 1 where none does."""
        cdef System* s = &self.c.s
        cdef i32 k
        cdef f64 least = 1.0, e, f, de, df, v2, knot, half, root
        for k in range(self.c.first_node[island], self.c.first_node[island + 1]):
            if s.role[k] != ZIP or s.curve_ptr[k] == s.curve_ptr[k + 1]:
                continue
            de, df = s.step[2 * k], s.step[2 * k + 1]
            e, f = s.e[k] - de, s.f[k] - df
            v2 = e * e + f * f
            knot = knot_crossed(s.curve, s.curve_ptr[k], s.curve_ptr[k + 1] - 1, sqrt_(v2),
                                sqrt_(s.e[k] * s.e[k] + s.f[k] * s.f[k]))
            if knot > 0.0:
                # |V + t dV|^2 = knot^2: the first root on the way down, the positive one on the way up
                half = e * de + f * df
                root = sqrt_(max_(half * half - (de * de + df * df) * (v2 - knot * knot), 0.0))
                root = (-half - root if v2 > knot * knot else -half + root) / (de * de + df * df)
                least = min_(least, max_(root, 0.0))
        return least

    cdef f64 lowest(self, i32 island) noexcept nogil:
        """|V|² below which a loaded bus of the island is past the nose."""
        cdef i32 slack = self.c.holder[self.c.slack[island]]
        return LOW_ROOT * LOW_ROOT * (self.held_re[slack] * self.held_re[slack]
                                      + self.held_im[slack] * self.held_im[slack])

    cdef int damped(self, i32 island, double tol, int max_iter) noexcept nogil:
        """Newton with halved steps while the squared mismatch would grow; ends in plain Newton once that is near."""
        cdef System* s = &self.c.s
        cdef i32 first = self.c.first_node[island], end = self.c.first_node[island + 1]
        cdef f64 merit, old = squared_mismatch(s, first, end), length
        cdef int it
        for it in range(max_iter):
            forward(s, first, end)
            backward(s, first, end)
            self.island_iterations[island] += 1
            length = 1.0
            merit = squared_mismatch(s, first, end)
            while not merit < old and length > 1e-3:
                length *= 0.5
                self.move(island, -length)
                merit = squared_mismatch(s, first, end)
            if not merit < old:
                return NOT_CONVERGED
            old = merit
            if merit < 1e-6:
                return self.newton(island, tol, max_iter)
        return NOT_CONVERGED

    cdef void move(self, i32 island, f64 share) noexcept nogil:
        cdef System* s = &self.c.s
        cdef i32 k
        for k in range(self.c.first_node[island], self.c.first_node[island + 1]):
            s.e[k] += share * s.step[2 * k]
            s.f[k] += share * s.step[2 * k + 1]

    cdef int continuation(self, i32 island, double tol, int max_iter) noexcept nogil:
        """Raise the injections from nothing to their values. COLLAPSE, with island_lambda, where they pass the nose."""
        cdef i32 first = self.c.first_node[island], n = self.c.first_node[island + 1] - first
        cdef System* s = &self.c.s
        cdef f64 reached = 0.0, step = 0.5, target = 0.0
        cdef int tries, status
        self.cold_start(island, 0.0)
        for tries in range(CONTINUATION_TRIES):
            self.load_injections(island, target)
            status = self.newton(island, tol, 2 * max_iter)
            if status == OK:
                if target >= 1.0:
                    return OK
                reached = target
                memcpy(self.c.good_e + first, s.e + first, n * sizeof(f64))
                memcpy(self.c.good_f + first, s.f + first, n * sizeof(f64))
            elif tries == 0:
                return SINGULAR if status == SINGULAR else NOT_CONVERGED
            else:
                step *= 0.5
                memcpy(s.e + first, self.c.good_e + first, n * sizeof(f64))
                memcpy(s.f + first, self.c.good_f + first, n * sizeof(f64))
            if step < LAMBDA_STEP * max_(reached, LAMBDA_STEP):
                self.island_lambda[island] = reached
                return COLLAPSE
            target = min_(1.0, reached + step)
        self.island_lambda[island] = reached
        return NOT_CONVERGED

    # ---- between buses and nodes

    cdef bint finite_input(self, i32 island) noexcept nogil:
        cdef Compiled* c = self.c
        cdef f64 check = 0.0
        cdef i32 x, k
        for x in range(c.first_member[c.first_node[island]], c.first_member[c.first_node[island + 1]]):
            k = c.member[x]
            check += self.p_pu[k] * 0.0 + self.q_pu[k] * 0.0 + self.v_set[k] * 0.0
        for x in range(c.first_held[island], c.first_held[island + 1]):
            k = c.held[x]
            check += self.p_pu[k] * 0.0 + self.q_pu[k] * 0.0 + (self.held_re[k] + self.held_im[k]) * 0.0
        return check == 0.0

    cdef void load_injections(self, i32 island, double scale) noexcept nogil:
        """Injections of the nodes, times ``scale``, and the role each plays."""
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef i32 k, x, bus
        cdef f64 p, q
        for k in range(c.first_node[island], c.first_node[island + 1]):
            x = c.first_member[k]
            p = self.p_pu[c.member[x]]
            q = self.q_pu[c.member[x]]
            for x in range(c.first_member[k] + 1, c.first_member[k + 1]):
                p += self.p_pu[c.member[x]]
                q += self.q_pu[c.member[x]]
            s.p[k] = scale * p
            s.q[k] = scale * q
            s.role[k] = IDLE if s.p[k] == 0.0 and s.q[k] == 0.0 else CONSTANT
        if c.n_governor == 0 and not self.has_zip:
            return
        for k in range(c.first_node[island], c.first_node[island + 1]):
            bus = c.governor[k]
            if bus >= 0 and c.mode[k] != 0.0:
                s.q[k] += scale * self.limit(k, c.mode[k])
                s.role[k] = IDLE if s.p[k] == 0.0 and s.q[k] == 0.0 else CONSTANT
            if bus >= 0 and c.mode[k] == 0.0:
                s.v_set2[k] = self.v_set[bus] * self.v_set[bus]
                s.role[k] = REGULATED
                if self.has_zip:
                    self.load_at_set_point(k, scale)
            elif self.has_zip:
                self.load_zip(k, scale)

    cdef f64 limit(self, i32 k, f64 mode) noexcept nogil:
        """Upper (mode 1) or lower (-1) reactive limit of a regulated node: of all its sources together."""
        cdef Compiled* c = self.c
        cdef f64 total = 0.0
        cdef i32 x
        for x in range(c.first_member[k], c.first_member[k + 1]):
            if self.kind[c.member[x]] == 1:
                total += self.q_max[c.member[x]] if mode > 0.0 else self.q_min[c.member[x]]
        return total

    cdef void load_at_set_point(self, i32 k, double scale) noexcept nogil:
        """Injections of a regulated node: what its ZIP loads and curves make of the voltage it is held at."""
        cdef Compiled* c = self.c
        cdef f64 v = self.v_set[c.governor[k]], p = 0.0, q = 0.0, slope
        cdef i32 x
        for x in range(c.first_member[k], c.first_member[k + 1]):
            p += self.p_pu[c.member[x]] * self.zip_share(c.member[x], v)
            q += self.q_pu[c.member[x]] * self.zip_share(c.member[x], v)
        if self.has_curve:
            q += curve_power(c.s.curve_ptr, c.s.curve, k, v, &slope)
        c.s.p[k], c.s.q[k] = scale * p, scale * q

    cdef f64 zip_factor(self, i32 bus) noexcept nogil:
        """Actual over nominal injection of a bus at its present voltage ``vm``."""
        return self.zip_share(bus, self.vm[bus])

    cdef f64 zip_share(self, i32 bus, f64 v) noexcept nogil:
        """The same at another voltage."""
        return 1.0 + self.i_share[bus] * (v - 1.0) + self.z_share[bus] * (v * v - 1.0)

    cdef f64 curve_q(self, i32 bus) noexcept nogil:
        """What the volt-var curve of a bus injects at its present voltage ``vm``."""
        cdef f64 slope
        return curve_power(self.curve_ptr, self.curve, bus, self.vm[bus], &slope)

    cdef void add_curves(self) noexcept nogil:
        """Book what volt-var curves inject."""
        cdef i32 k
        for k in range(self.n_bus):
            if self.island_of_bus[k] >= 0 and self.island_status[self.island_of_bus[k]] == OK:
                self.q_bus[k] += self.curve_q(k)

    cdef void load_zip(self, i32 k, double scale) noexcept nogil:
        """Split the injections of a node into constant power, current and admittance."""
        cdef Compiled* c = self.c
        cdef f64* part = c.s.zip + 4 * k
        cdef i32 x, bus
        cdef f64 p, q
        part[0] = part[1] = part[2] = part[3] = 0.0
        for x in range(c.first_member[k], c.first_member[k + 1]):
            bus = c.member[x]
            p = scale * self.p_pu[bus]
            q = scale * self.q_pu[bus]
            part[0] += self.i_share[bus] * p
            part[1] += self.i_share[bus] * q
            part[2] += self.z_share[bus] * p
            part[3] += self.z_share[bus] * q
        c.s.p[k] -= part[0] + part[2]
        c.s.q[k] -= part[1] + part[3]
        if part[0] != 0.0 or part[1] != 0.0 or part[2] != 0.0 or part[3] != 0.0:
            c.s.role[k] = ZIP
        if self.has_curve and c.s.curve_ptr[k + 1] > c.s.curve_ptr[k]:
            c.s.role[k] = ZIP
            c.s.curve_scale = scale

    cdef bint gather(self, i32 island) noexcept nogil:
        """Take the present voltages of an island's buses; False where one was dead."""
        cdef Compiled* c = self.c
        cdef i32 k, bus
        cdef bint whole = True
        for k in range(c.first_node[island], c.first_node[island + 1]):
            bus = c.member[c.first_member[k]]
            c.s.e[k] = self.vr[bus]
            c.s.f[k] = self.vi[bus]
            whole = whole and (c.s.e[k] != 0.0 or c.s.f[k] != 0.0)
        return whole

    cdef void scatter(self, i32 island) noexcept nogil:
        cdef Compiled* c = self.c
        cdef i32 k, x
        for k in range(c.first_node[island], c.first_node[island + 1]):
            for x in range(c.first_member[k], c.first_member[k + 1]):
                self.vr[c.member[x]] = c.s.e[k]
                self.vi[c.member[x]] = c.s.f[k]
        if c.n_governor > 0:
            for k in range(c.first_node[island], c.first_node[island + 1]):
                if c.governor[k] >= 0:
                    self.q_mode[c.governor[k]] = c.mode[k]
        for x in range(c.first_held[island], c.first_held[island + 1]):
            k = c.held[x]
            self.vr[k] = self.held_re[c.holder[k]]
            self.vi[k] = self.held_im[c.holder[k]]

    cdef void find_phasors(self) noexcept nogil:
        """Voltages of all nodes without injection, shunt and charging: what taps and shifts alone make of them."""
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef i32 k
        self.refresh_values(True)
        for k in range(s.n_node):
            s.role[k] = IDLE
        forward(s, 0, s.n_node)
        backward(s, 0, s.n_node)
        for k in range(s.n_node):
            c.phasor[2 * k], c.phasor[2 * k + 1] = s.e[k], s.f[k]
        self.refresh_values(False)
        c.phasor_version = self.version

    cdef void cold_start(self, i32 island, double scale) noexcept nogil:
        """Start values that depend on the input alone: phasors that taps and shifts make, then one decoupled step.

        That is DC angles from P, then magnitudes from Q (B. Stott and O. Alsac, Fast decoupled load flow, IEEE Trans.
        PAS-93, 1974), with the derivatives taken at the phasors, so that phase shifts and negative reactances count.
        Flat starts of a current-injection Newton diverge on networks with many regulated buses.
        """
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef i32 first = c.first_node[island], end = c.first_node[island + 1], k
        cdef f64 v, q
        if c.phasor_version != self.version:
            self.find_phasors()
        self.load_injections(island, scale)
        for k in range(first, end):
            v = sqrt_(c.phasor[2 * k] * c.phasor[2 * k] + c.phasor[2 * k + 1] * c.phasor[2 * k + 1])
            s.e[k], s.f[k] = 1.0, 0.0
            if 0.5 < v < 2.0:                  # False where it is NaN
                q = (sqrt_(s.v_set2[k]) if s.role[k] == REGULATED else v) / v
                s.e[k], s.f[k] = c.phasor[2 * k] * q, c.phasor[2 * k + 1] * q
        self.decoupled_step(island, True)
        self.decoupled_step(island, False)

    cdef void decoupled_step(self, i32 island, bint angles) noexcept nogil:
        """Correct the angles for the mismatch of P, or ln |V| of unregulated nodes for that of Q.

        Both matrices have the mutual terms Im(V_i conj(Y_ij V_j)); here the mean of ij and ji, so that it is symmetric.
        """
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef i32 first = c.first_node[island], end = c.first_node[island + 1], k, x, j
        cdef f64 p, q, own
        cdef f64* diagonal = s.weight
        cdef f64* entry = s.slot
        cdef f64* change = s.step
        currents(s, first, end, s.e, s.f, 1, s.current, True)
        for k in range(first, end):
            p = s.e[k] * s.current[2 * k] + s.f[k] * s.current[2 * k + 1]
            q = s.f[k] * s.current[2 * k] - s.e[k] * s.current[2 * k + 1]
            own = -s.node[k].b * (s.e[k] * s.e[k] + s.f[k] * s.f[k])
            change[k] = s.p[k] - p if angles else s.q[k] - q
            diagonal[k] = own - q if angles else own + q
            if s.role[k] == REGULATED and not angles:
                diagonal[k] = 1e100     # holds its magnitude
            for x in range(s.ptr[k], s.ptr[k + 1]):
                j = s.idx[x]
                entry[x] = 0.5 * (sway(s.upper + 2 * x, s.e[k], s.f[k], s.e[j], s.f[j])
                                  + sway(s.lower + 2 * x, s.e[j], s.f[j], s.e[k], s.f[k]))
        factor_symmetric(s.ptr, s.idx, s.pair_ptr, s.pair, first, end, diagonal, entry)
        solve_symmetric(s.ptr, s.idx, first, end, diagonal, entry, change)
        for k in range(first, end):
            if angles and abs_(change[k]) < 3.0:
                turn(s.e + k, s.f + k, 1.0, change[k])
            elif not angles and abs_(change[k]) < 0.3:
                s.e[k] *= 1.0 + change[k]
                s.f[k] *= 1.0 + change[k]

    cdef int apply_limits(self, i32 island, double tol) noexcept nogil:
        """Move regulated nodes whose source passes a reactive limit to it, and back where the voltage asks for it."""
        cdef Compiled* c = self.c
        cdef System* s = &c.s
        cdef i32 first = c.first_node[island], end = c.first_node[island + 1], k, bus
        cdef f64 source, excess, old
        cdef int moved = 0
        cdef bint limited = False
        if c.n_governor == 0:
            return 0
        for k in range(first, end):
            bus = c.governor[k]
            limited = limited or (bus >= 0 and (self.limit(k, -1.0) > -INFINITY or self.limit(k, 1.0) < INFINITY))
        if not limited:
            return 0
        currents(s, first, end, s.e, s.f, 1, s.current, True)
        for k in range(first, end):
            bus = c.governor[k]
            if bus < 0:
                continue
            old = c.mode[k]
            if old == 0.0:
                source = s.f[k] * s.current[2 * k] - s.e[k] * s.current[2 * k + 1] - s.q[k]
                if source > self.limit(k, 1.0) + tol:
                    c.mode[k] = 1.0
                elif source < self.limit(k, -1.0) - tol:
                    c.mode[k] = -1.0
            elif c.releases[k] < RELEASES:
                excess = old * (s.e[k] * s.e[k] + s.f[k] * s.f[k] - self.v_set[bus] * self.v_set[bus])
                if excess > tol:
                    c.mode[k] = 0.0
                    c.releases[k] += 1
            moved += c.mode[k] != old
        return moved

    # ---- flows

    cdef void flows(self) noexcept nogil:
        """Branch flows, magnitudes, losses, slack powers and mismatches at the present voltages; see network.pxd."""
        cdef i32 k
        cdef f64 v2
        self.loss_p = self.loss_q = self.mismatch_p = self.mismatch_q = self.mismatch_sum = 0.0
        for k in range(self.n_bus):
            v2 = self.vr[k] * self.vr[k] + self.vi[k] * self.vi[k]
            self.vm[k] = sqrt_(v2)
            self.out_p[k] = self.y_shunt[2 * k] * v2
            self.out_q[k] = -self.y_shunt[2 * k + 1] * v2
            self.p_bus[k] = self.q_bus[k] = 0.0
            if self.island_of_bus[k] >= 0 and self.island_status[self.island_of_bus[k]] == OK:
                self.loss_p += self.out_p[k]
                self.loss_q += self.out_q[k]
                self.p_bus[k] = self.p_pu[k] * self.zip_factor(k)
                self.q_bus[k] = self.q_pu[k] * self.zip_factor(k)
        if self.has_curve:
            self.add_curves()
        self.branch_flows()
        self.balance_nodes()
        self.balance_held()
        self.coupler_flows()
        self.set_loading()

    cdef void branch_flows(self) noexcept nogil:
        cdef i32 x, b, f, t
        cdef f64 fr, fi, tr, ti, re, im
        cdef const f64* y
        for x in range(self.c.n_live):
            b = self.c.live[x]
            f, t = self.from_bus[b], self.to_bus[b]
            fr, fi, tr, ti = self.vr[f], self.vi[f], self.vr[t], self.vi[t]
            y = self.y + 8 * b
            re = y[0] * fr - y[1] * fi + y[2] * tr - y[3] * ti
            im = y[0] * fi + y[1] * fr + y[2] * ti + y[3] * tr
            self.p_from[b] = fr * re + fi * im
            self.q_from[b] = fi * re - fr * im
            re = y[4] * fr - y[5] * fi + y[6] * tr - y[7] * ti
            im = y[4] * fi + y[5] * fr + y[6] * ti + y[7] * tr
            self.p_to[b] = tr * re + ti * im
            self.q_to[b] = ti * re - tr * im
            self.out_p[f] += self.p_from[b]
            self.out_q[f] += self.q_from[b]
            self.out_p[t] += self.p_to[b]
            self.out_q[t] += self.q_to[b]
            if self.island_status[self.island_of_bus[f]] == OK:
                self.loss_p += self.p_from[b] + self.p_to[b]
                self.loss_q += self.q_from[b] + self.q_to[b]

    cdef void balance_nodes(self) noexcept nogil:
        """Mismatch of every free node; what a regulating source injects goes to its bus."""
        cdef Compiled* c = self.c
        cdef i32 island, k, x
        cdef f64 p, q
        for island in range(c.n_island):
            if self.island_status[island] != OK:
                continue
            for k in range(c.first_node[island], c.first_node[island + 1]):
                p = q = 0.0
                for x in range(c.first_member[k], c.first_member[k + 1]):
                    p += self.p_bus[c.member[x]] - self.out_p[c.member[x]]
                    q += self.q_bus[c.member[x]] - self.out_q[c.member[x]]
                if c.governor[k] >= 0:
                    self.q_bus[c.governor[k]] -= q
                    q = 0.0 if self.q_mode[c.governor[k]] == 0.0 else q + self.limit(k, self.q_mode[c.governor[k]])
                self.mismatch_p = max_(self.mismatch_p, abs_(p))
                self.mismatch_q = max_(self.mismatch_q, abs_(q))
                self.mismatch_sum += p

    cdef void balance_held(self) noexcept nogil:
        """What the sources of held buses inject, beside the injections specified there."""
        cdef Compiled* c = self.c
        cdef i32 island, x, bus
        cdef f64 p, q
        for island in range(c.n_island):
            self.slack_p[island] = self.slack_q[island] = 0.0
            if self.island_status[island] != OK:
                continue
            for x in range(c.first_held[island], c.first_held[island + 1]):
                bus = c.held[x]
                p = self.out_p[bus] - self.p_pu[bus] * self.zip_factor(bus)
                q = self.out_q[bus] - self.q_pu[bus] * self.zip_factor(bus) - self.curve_q(bus)
                self.slack_p[island] += p
                self.slack_q[island] += q
                self.p_bus[c.holder[bus]] += p
                self.q_bus[c.holder[bus]] += q

    cdef void coupler_flows(self) noexcept nogil:
        """Flows through closed couplers, as if all of a merged group had one and the same small impedance.

        Along a tree that is the plain balance of each bus; parallel couplers share equally.
        """
        cdef Compiled* c = self.c
        cdef i32 k, b, f, t
        cdef f64 p, q
        for k in range(self.n_bus):
            if c.tie_of_bus[k] >= 0:
                c.tie_p[c.tie_of_bus[k]] = self.p_bus[k] - self.out_p[k]
                c.tie_q[c.tie_of_bus[k]] = self.q_bus[k] - self.out_q[k]
        solve_symmetric(c.tie_ptr, c.tie_idx, 0, c.n_tie, c.tie_diagonal, c.tie_entry, c.tie_p)
        solve_symmetric(c.tie_ptr, c.tie_idx, 0, c.n_tie, c.tie_diagonal, c.tie_entry, c.tie_q)
        for k in range(c.n_coupler):
            b = c.coupler[k]
            f = c.tie_of_bus[self.from_bus[b]]
            t = c.tie_of_bus[self.to_bus[b]]
            p = (c.tie_p[f] if f >= 0 else 0.0) - (c.tie_p[t] if t >= 0 else 0.0)
            q = (c.tie_q[f] if f >= 0 else 0.0) - (c.tie_q[t] if t >= 0 else 0.0)
            self.p_from[b], self.q_from[b], self.p_to[b], self.q_to[b] = p, q, -p, -q

    cdef void set_loading(self) noexcept nogil:
        cdef i32 b
        cdef f64 s2
        for b in range(self.n_branch):
            s2 = max_(self.p_from[b] * self.p_from[b] + self.q_from[b] * self.q_from[b],
                      self.p_to[b] * self.p_to[b] + self.q_to[b] * self.q_to[b])
            self.loading[b] = sqrt_(s2) / self.rate_pu[b] if self.rate_pu[b] > 0.0 else 0.0
