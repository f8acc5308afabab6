"""AC power flow of one grid: what other kernels may use.

A caller writes ``p_pu`` and ``q_pu``, calls ``ensure()`` once after switching (with the GIL), then ``solve`` and
``flows`` as often as it likes without it. All pointers stay where they are for the life of the Grid. Balanced,
positive sequence, per unit of ``base_mva``; powers are injections into the bus, branch powers flow into the branch.
"""

cimport cython

from .elimination cimport System
from .packs cimport Pack
from .types cimport f64, i8, i32, i64, u8

cdef struct Compiled:
    # One switch state, compiled. "Node" is a position in elimination order, "tie" a bus that closed couplers join.
    System s
    i32 n_island
    i32* island_of_bus   # [n_bus] -1 dead
    i32* slack           # [n_island] bus of the lowest forming rank
    i32* first_node      # [n_island + 1] nodes of an island
    Pack* pack           # [n_pack] nodes four at a time, first in their island
    i32* first_pack      # [n_island + 1]
    i32* first_member    # [n_node + 1]
    i32* member          # buses of a node, rising
    i32* node_of_bus     # [n_bus] -1 where held or dead
    i32* holder          # [n_bus] bus whose source holds this one; -1 where none
    i32* first_held      # [n_island + 1]
    i32* held            # held buses by island
    i32* governor        # [n_node] bus whose set-point regulates the node; -1 none
    i32 n_governor       # nodes that have one
    i32 n_dead
    i32* dead            # buses without a source
    i32 n_live
    i32* live            # closed branches of energised islands, couplers apart
    i32* entry           # [n_branch] place in the pattern; -1 where the branch has none
    i64 version          # of the admittances the values were computed from; -1 none
    f64* phasor          # [2 n_node] voltage that taps and shifts alone make, where a cold start begins
    i64 phasor_version
    # scratch of a solve
    f64* good_e          # [n_node] last point a continuation reached
    f64* good_f
    i8* releases         # [n_node] times a reactive limit let go in this solve
    f64* mode            # [n_node] q_mode of the governor while the solve goes on
    # couplers: a graph Laplacian per merged group, grounded at the group's lowest bus
    i32 n_tie
    i32* tie_ptr
    i32* tie_idx
    i32* tie_pair_ptr
    i32* tie_pair
    i32* tie_of_bus      # [n_bus] -1 where grounded or not merged
    f64* tie_diagonal    # factors, see factor_symmetric
    f64* tie_entry
    f64* tie_p           # [n_tie] right sides, then potentials
    f64* tie_q
    i32 n_coupler
    i32* coupler         # closed couplers of energised islands


cdef struct Block:
    # Head of a piece of a plan's memory; 64 bytes, so that what follows is aligned as well as malloc can.
    Block* below
    size_t used
    size_t room
    size_t unused[5]


cdef class Grid


@cython.final
cdef class Plan:
    cdef Compiled c
    cdef list kept           # arrays that c points into
    cdef Block* memory       # and the rest of them, see take
    cdef f64 signature       # names the switch state; a double so that it can stand in Grid.state

    cdef i32* own_i32(self, i32[::1] array)
    cdef void* take(self, size_t size) except NULL
    cdef i32* new_i32(self, Py_ssize_t n) except NULL
    cdef f64* new_f64(self, Py_ssize_t n) except NULL
    cdef i8* new_i8(self, Py_ssize_t n) except NULL
    cdef find_islands(self, Grid grid, i32[::1] group)
    cdef find_holders(self, Grid grid, i32[::1] group)
    cdef list_buses(self, Grid grid, i32[::1] group)
    cdef order_nodes(self, Grid grid, i32[::1] group)
    cdef list_members(self, Grid grid)
    cdef place_branches(self, Grid grid)
    cdef mark_simple(self)
    cdef place_packs(self)
    cdef allocate(self)
    cdef combine_curves(self, Grid grid)
    cdef order_ties(self, Grid grid, i32[::1] group)
    cdef place_ties(self, Grid grid, i32[::1] group)
    cdef factor_ties(self, Grid grid)


@cython.final
cdef class Grid:
    # ---- fixed by the constructor, patched by the setters
    cdef readonly int n_bus, n_branch
    cdef readonly double base_mva
    cdef readonly bint hold_all
    cdef i32* from_bus
    cdef i32* to_bus
    cdef f64* y                  # [8 n_branch] ff, ft, tf, tt, real and imaginary parts
    cdef f64* y_shunt            # [2 n_bus]
    cdef f64* rate_pu            # [n_branch] apparent power; 0 none
    cdef u8* is_coupler
    cdef u8* closed
    cdef i32* forming_rank       # [n_bus] 0 cannot hold an island; the lowest rank becomes its slack
    cdef f64* held_re            # [n_bus] voltage the bus is held at where it forms
    cdef f64* held_im
    cdef i8* kind                # [n_bus] 0 PQ, 1 PV
    cdef f64* v_set              # [n_bus]
    cdef f64* q_min              # [n_bus] limits of the regulating source, beside q_pu; -inf, inf none
    cdef f64* q_max
    cdef f64* z_share            # [n_bus] share of p_pu, q_pu that goes with |V|^2, and with |V|; the rest is constant
    cdef f64* i_share
    cdef i32* curve_ptr          # [n_bus + 1] points of each bus's volt-var curve
    cdef f64* curve              # [2 n_point] |V| and the reactive power injected there, beside q_pu
    # ---- in
    cdef double* p_pu            # [n_bus] injection
    cdef double* q_pu
    # ---- state: one block; copied back it gives the same bits again
    cdef double* state
    cdef int n_state
    cdef double* vr              # [n_bus] voltage, inside state; 0 where dead
    cdef double* vi
    cdef double* q_mode          # [n_bus] inside state: 0 regulating, 1 at q_max, -1 at q_min
    # ---- out of ensure
    cdef readonly int n_island
    cdef i32* island_of_bus      # [n_bus] -1 dead
    cdef i32* slack_of_island    # [n_island] the bus that holds it (the lowest rank)
    cdef u8* alive               # [n_bus]
    # ---- out of solve
    cdef i32* island_status      # [n_island] Status
    cdef i32* island_iterations  # [n_island] Newton steps, all attempts together
    cdef f64* island_lambda      # [n_island] share of the injections that can be carried; 1 unless COLLAPSE
    cdef readonly int iterations # the largest of them
    # ---- out of flows
    cdef double* p_from          # [n_branch] into the branch at its from end
    cdef double* q_from
    cdef double* p_to
    cdef double* q_to
    cdef double* loading         # [n_branch] larger apparent power of the two ends / rating; 0 without one
    cdef double* vm              # [n_bus]
    cdef double* p_bus           # [n_bus] net injection there is, sources of held and regulated buses included
    cdef double* q_bus
    cdef double* slack_p         # [n_island] what the holding sources inject, beside p_pu of their buses
    cdef double* slack_q
    cdef readonly double loss_p  # all branches and shunts of converged islands
    cdef readonly double loss_q
    cdef readonly double mismatch_p    # largest |specified - computed| P at a bus of a converged island
    cdef readonly double mismatch_q
    cdef readonly double mismatch_sum  # sum of specified - computed P: injections + slack = loss_p + mismatch_sum
    # ---- inside
    cdef readonly dict arrays    # name of a pointer above -> numpy view of it
    cdef f64* out_p              # [n_bus] what leaves a bus through branches and shunt
    cdef f64* out_q
    cdef readonly bint has_zip, has_curve  # curves are of role ZIP: has_zip is true with them
    cdef bint dirty
    cdef i64 version
    cdef dict plans
    cdef Plan plan
    cdef Compiled* c

    cdef place_curves(self, q_curves)
    cdef allocate(self)
    cdef f64* own_f64(self, str name, f64[::1] array)
    cdef f64* new_f64(self, str name, Py_ssize_t n)
    cdef i32* own_i32(self, str name, i32[::1] array)
    cdef i8* own_i8(self, str name, i8[::1] array)
    cdef u8* own_u8(self, str name, u8[::1] array)
    cdef activate(self, Plan plan)
    cpdef ensure(self)
    cdef int ensure_gil(self) noexcept with gil
    cdef void refresh_values(self, bint bare) noexcept nogil
    cdef int solve(self, double tol, int max_iter) noexcept nogil
    cdef void flows(self) noexcept nogil
    cdef int solve_island(self, i32 island, double tol, int max_iter, bint cold) noexcept nogil
    cdef int robust(self, i32 island, double tol, int max_iter, int start) noexcept nogil
    cdef int newton(self, i32 island, double tol, int max_iter) noexcept nogil
    cdef int verdict(self, i32 island, f64 worst, int odd, double tol) noexcept nogil
    cdef f64 lowest(self, i32 island) noexcept nogil
    cdef int by_segments(self, i32 island, double tol) noexcept nogil
    cdef f64 to_next_knot(self, i32 island) noexcept nogil
    cdef int damped(self, i32 island, double tol, int max_iter) noexcept nogil
    cdef int continuation(self, i32 island, double tol, int max_iter) noexcept nogil
    cdef void move(self, i32 island, f64 share) noexcept nogil
    cdef f64 limit(self, i32 k, f64 mode) noexcept nogil
    cdef void load_at_set_point(self, i32 k, double scale) noexcept nogil
    cdef f64 zip_factor(self, i32 bus) noexcept nogil
    cdef f64 zip_share(self, i32 bus, f64 v) noexcept nogil
    cdef f64 curve_q(self, i32 bus) noexcept nogil
    cdef void add_curves(self) noexcept nogil
    cdef void load_zip(self, i32 k, double scale) noexcept nogil
    cdef void add_end(self, i32 own, i32 other, i32 other_bus, i32 entry, const f64* y_own,
                      const f64* y_mutual) noexcept nogil
    cdef int accepted(self, i32 island, int odd) noexcept nogil
    cdef bint finite_input(self, i32 island) noexcept nogil
    cdef void load_injections(self, i32 island, double scale) noexcept nogil
    cdef bint gather(self, i32 island) noexcept nogil
    cdef void scatter(self, i32 island) noexcept nogil
    cdef void find_phasors(self) noexcept nogil
    cdef void decoupled_step(self, i32 island, bint angles) noexcept nogil
    cdef void cold_start(self, i32 island, double scale) noexcept nogil
    cdef int apply_limits(self, i32 island, double tol) noexcept nogil
    cdef void branch_flows(self) noexcept nogil
    cdef void balance_nodes(self) noexcept nogil
    cdef void balance_held(self) noexcept nogil
    cdef void coupler_flows(self) noexcept nogil
    cdef void set_loading(self) noexcept nogil
