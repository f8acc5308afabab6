# cython: nonecheck=False
"""The plant: marches all state of the site from one instant to another, or stops early and says why.

One step has five phases: ``see`` (weather, jobs up to the end of the step), ``allot`` (share power among feasible
ranges), ``flow`` (AC power flow on every energised island), ``march`` (stores, nodes), ``watch`` (guards: where a
limit is crossed, the step is undone and repeated up to the crossing). Nothing here touches a Python object while a
step runs; Python gets control back at the due time, at a guard, at a watched job, or when a buffer is full.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from .feeding cimport count_racks, drain_batteries, draw_rows, find_feeds, load_boards, supply_loss
from .lanes cimport largest, total
from .network cimport Grid
from .queue cimport Queue
from .sources cimport curve_loss_w, solar_available
from .spans cimport beyond, read_spans
from .storage cimport march_store_heat, march_stores, store_limits
from .tables cimport (bind_aux, bind_block, bind_board, bind_branch, bind_bus, bind_genset, bind_grid, bind_island, bind_ledger,
                      bind_loop, bind_row, bind_rule, bind_site, bind_source, bind_store, bind_tier)
from .thermal cimport march_loop, march_rows
from .types cimport Status, abs_, f64, f64_cr, f64_r, i32, i64, max_, min_, sqrt_, u8, worse

cdef f64 BASE = 100e6
cdef f64 LIMIT_SLACK_W = 1e3        # a limit of the tie counts as kept within a kilowatt
cdef f64 REACTIVE_SLACK_VAR = 1e6   # what the forming unit may carry beyond its share
cdef int MAX_PASS = 5
cdef f64 AUDIT_SHARE = 1e-9         # of throughput, every step
cdef f64 NOMINAL_HZ = 50.0
cdef f64 DROOP_HZ = 0.5             # frequency drop of grid-forming storage at full discharge: 1 % (from memory)


cdef void* room(size_t size) except NULL:
    """Zeroed memory that lives as long as the plant."""
    cdef void* p = malloc(size + 64)
    if p == NULL:
        raise MemoryError
    memset(p, 0, size + 64)
    return p


def spans_of(at, cuts=()):
    """Runs of consecutive places in ``at``, as rows of a ``Span``; a run ends before each index in ``cuts``."""
    import numpy as np

    at = np.asarray(at, dtype=np.int64)
    breaks = np.flatnonzero(np.diff(at) != 1) + 1
    first = np.unique(np.concatenate([[0], breaks, np.asarray(cuts, dtype=np.int64)]).astype(np.int64))
    first = first[first < len(at)]
    n = np.diff(np.append(first, len(at)))
    return np.ascontiguousarray(np.stack([first, at[first], n], axis=1)) if len(first) else np.zeros((0, 3), np.int64)


cdef class Plant:
    """The continuous world of one site.

    ``arena`` (twin.plan.Arena) holds the tables, ``network`` and ``queue`` are the kernels of the same names,
    ``ocv_v`` the 51-point open-circuit voltage of a cell. ``channels``, ``minute`` and ``fine`` tell what to record;
    ``guards`` what to watch. All arrays are kept alive by the plant.
    """

    def __cinit__(self, arena, Grid network, Queue queue, ocv_v, grid_ms, *_args, **_more):
        cdef i64 n_row
        self.keep = [arena]
        bind_grid(&self.grid, arena)
        bind_source(&self.source, arena)
        bind_genset(&self.genset, arena)
        bind_store(&self.store, arena)
        bind_block(&self.block, arena)
        bind_board(&self.board, arena)
        bind_row(&self.row, arena)
        bind_loop(&self.loop, arena)
        bind_aux(&self.aux, arena)
        bind_rule(&self.rule, arena)
        bind_tier(&self.tier, arena)
        bind_island(&self.loss, arena)
        bind_site(&self.site, arena)
        bind_ledger(&self.ledger, arena)
        bind_bus(&self.bus, arena)
        bind_branch(&self.branch, arena)
        self.network = network
        self.queue = queue
        self.arena = <u8*><size_t>arena.buffer.ctypes.data
        self.values = <f64*>self.arena
        self.state_first = arena.bounds["state"][0]
        self.state_bytes = arena.bounds["state"][1] - self.state_first
        self.undo = <u8*>room(self.state_bytes + 8 * network.n_state + 64)
        self.out_first = arena.bounds["out"][0]
        self.out_bytes = arena.bounds["out"][1] - self.out_first
        self.undo_out = <u8*>room(self.out_bytes)
        n_row = self.row.n if self.row.n > 0 else 1
        self.mean_w = <f64*>room(8 * N_CLASS * n_row)
        self.row_work = <f64*>room(8 * 6 * n_row)
        self.bus_w = <f64*>room(8 * self.bus.n)
        self.bus_var = <f64*>room(8 * self.bus.n)
        for i in range(51):
            self.ocv_v[i] = ocv_v[i]
        self.grid_ms = grid_ms
        self.step_open_ms = -1
        self.tolerance = 1e-8
        self.quiet_k_s = 0.02

    def __init__(self, arena, network, queue, ocv_v, grid_ms, *, channel_at, channel_scale, minute_of, minute_mean,
                 fine_of, guard_at, guard_limit, guard_reset, guard_sign, guard_kind):
        self.bind_record(channel_at, channel_scale, minute_of, minute_mean, fine_of)
        self.bind_guards(guard_at, guard_limit, guard_reset, guard_sign, guard_kind)

    def __dealloc__(self):
        free(self.undo)
        free(self.undo_out)
        free(self.mean_w)
        free(self.row_work)
        free(self.bus_w)
        free(self.bus_var)

    # ------------------------------------------------------------------ binding

    cdef void* hold(self, array) except? NULL:
        self.keep.append(array)
        return <void*><size_t>array.ctypes.data

    def bind_record(self, channel_at, channel_scale, minute_of, minute_mean, fine_of):
        """What to record: arena offsets (i8) and scales (f8) of all channels, the minute's and the fine window's.

        Inside, channels stand in the order of their places, so that a step reads the arena in runs; the hour puts them
        back into theirs.
        """
        import numpy as np

        order = np.argsort(np.asarray(channel_at, dtype=np.int64), kind="stable")
        slot = np.argsort(order, kind="stable")
        channel_at = np.asarray(channel_at, dtype=np.int64)[order]
        spans = spans_of(channel_at)
        self.n_channel = len(channel_at)
        self.n_minute = len(minute_of)
        self.n_fine = len(fine_of)
        self.n_span = len(spans)
        self.span = <Span*>self.hold(spans)
        self.channel_of = <i32*>self.hold(order.astype("i4"))
        self.channel_at = <i64*>self.hold(channel_at)
        self.channel_scale = <f64*>self.hold(np.asarray(channel_scale, dtype="f8")[order])
        self.minute_of = <i32*>self.hold(slot[np.asarray(minute_of, dtype="i8")].astype("i4"))
        self.minute_mean = <u8*>self.hold(np.ascontiguousarray(minute_mean, "u1"))
        self.fine_of = <i32*>self.hold(slot[np.asarray(fine_of, dtype="i8")].astype("i4"))
        self.accumulators = np.zeros(3 * self.n_channel, "f4")
        self.minute_accumulators = np.zeros(self.n_minute + 2, "f8")
        self.value_now = <float*>self.hold(np.zeros(self.n_channel, "f4"))
        self.hour_sum = <float*>self.hold(self.accumulators)
        self.hour_min = self.hour_sum + self.n_channel
        self.hour_max = self.hour_min + self.n_channel
        self.minute_sum = <f64*>self.hold(self.minute_accumulators)
        clear_hour(self)

    def bind_guards(self, at, limit, reset, sign, kind):
        """What to watch: arena offsets, limits, re-arm limits, +1 above or −1 below, 1 where algebraic."""
        import numpy as np

        self.n_guard = len(at)
        self.guard_at = <i64*>self.hold(np.ascontiguousarray(at, "i8"))
        self.guard_limit = <f64*>self.hold(np.ascontiguousarray(limit, "f8"))
        self.guard_reset = <f64*>self.hold(np.ascontiguousarray(reset, "f8"))
        self.guard_sign = <f64*>self.hold(np.ascontiguousarray(sign, "f8"))
        kind = np.asarray(kind)
        if (np.diff(kind) < 0).any():
            raise ValueError("guards must stand in order of their kind")
        kind_first = np.searchsorted(kind, range(4))
        spans = spans_of(at, kind_first)
        self.guard_span = <Span*>self.hold(spans)
        for k in range(4):
            self.kind_span[k] = int(np.searchsorted(spans[:, 0], kind_first[k]))
        self.violations = np.zeros(self.n_guard, "u1")
        self.fired_now = np.zeros(self.n_guard, "i4")
        self.violated = <u8*>self.hold(self.violations)
        self.fired = <i32*>self.hold(self.fired_now)
        self.violated_at = <i32*>self.hold(np.zeros(self.n_guard, "i4"))
        self.fired_values = np.zeros(self.n_guard, "f8")
        self.fired_value = <f64*>self.hold(self.fired_values)

    def bind_buffers(self, hour_t, hour_out, minute_t, minute_out, fine_t, fine_out):
        """Recycled result buffers; shapes (hours, 3, channels), (minutes, n), (rows, n) float32 and their times."""
        self.hour_cap = len(hour_t)
        self.minute_cap = len(minute_t)
        self.fine_cap = len(fine_t)
        self.hour_t = <i64*>self.hold(hour_t)
        self.hour_out = <float*>self.hold(hour_out)
        self.minute_t = <i64*>self.hold(minute_t)
        self.minute_out = <float*>self.hold(minute_out)
        self.fine_t = <i64*>self.hold(fine_t)
        self.fine_out = <float*>self.hold(fine_out)

    def set_weather(self, rows, i64 first_min):
        """Boundary data, float32 of shape (minutes, columns), the first row being minute ``first_min`` of the run."""
        self.weather_first_min = first_min
        self.weather_rows = rows.shape[0]
        self.weather_width = rows.shape[1]
        self.weather_keep = rows
        self.weather = <const float*><size_t>rows.ctypes.data

    # ------------------------------------------------------------------ what Python calls

    def advance(self, i64 until, bint exact):
        """March to ``until``: return (time of the physics, Reason).

        ``exact``: the physics goes to ``until`` itself, else to the last grid line at or before it while the jobs go
        to ``until``. After GUARD, ``fired_now[:n_fired]`` holds the guards and ``fired_values`` what they saw; after
        FAILED, ``status`` and ``failed_at``.
        """
        cdef int why
        with nogil:
            why = self.advance_to(until, exact)
        return self.now_ms, why

    def open_fine(self, i64 step_ms, i64 least_ms, i64 most_ms):
        """Step by ``step_ms`` from now on, for at least ``least_ms`` and at most ``most_ms``.

        The window closes at a grid line between the two once rates are small. A running one is prolonged.
        """
        if self.now_ms >= self.fine_end_ms:
            self.ledger.windows[0] += 1.0
            self.start_fine_ms = self.now_ms
            self.fine_step_ms = step_ms
        self.fine_step_ms = min(self.fine_step_ms, step_ms)
        self.fine_close_ms = max(self.fine_close_ms, self.now_ms + least_ms)
        self.fine_end_ms = max(self.fine_end_ms, self.now_ms + most_ms)

    def retopology(self):
        """Find the islands again after a switch moved; buses that lost every source are dead at once."""
        cdef i64 i
        self.network.ensure()
        if self.network.n_island > MAX_ISLAND:
            raise ValueError(f"{self.network.n_island} energised islands; the plant tells {MAX_ISLAND} apart")
        for i in range(self.bus.n):
            self.bus.alive[i] = 1.0 if self.network.island_of_bus[i] >= 0 else 0.0
            self.bus.tied[i] = 1.0 if self.holds_grid(self.network.island_of_bus[i]) else 0.0
            if self.bus.alive[i] == 0.0:
                self.bus.vm_pu[i] = 0.0
            elif self.bus.vm_pu[i] == 0.0:
                self.bus.vm_pu[i] = 1.0  # until the next power flow: nothing may answer to a voltage of the past
        for i in range(MAX_ISLAND):  # what the islands lose is to be guessed anew
            self.loss.loss_var[i] = 0.0

    cdef bint holds_grid(self, i32 island) noexcept nogil:
        """Whether a grid tie holds the island."""
        cdef i64 i
        if island < 0:
            return False
        for i in range(self.grid.n):
            if self.grid.bus[i] == self.network.slack_of_island[island]:
                return True
        return False

    def repeat(self, str part, i64 turns):
        """Do one part of a step ``turns`` times from the same state, for ``tests/bench``; the state is put back.

        ``part``: see, allot, inject, solve, rows, loops, stores, books, watch, record. KeyError for another.
        """
        cdef int what = {"see": 0, "allot": 1, "inject": 2, "solve": 3, "rows": 4, "loops": 5, "stores": 6, "books": 7,
                         "watch": 8, "record": 9}[part]
        cdef i64 turn
        cdef f64 h_s = self.grid_ms * 1e-3
        memcpy(self.undo_out, self.arena + self.out_first, self.out_bytes)
        self.save_step()
        with nogil:
            for turn in range(turns):
                self.do_part(what, turn, h_s)
                if turn % 16 == 15:
                    self.undo_state()
            self.undo_state()
        memcpy(self.arena + self.out_first, self.undo_out, self.out_bytes)

    cdef void undo_state(self) noexcept nogil:
        """Undo what ``repeat`` did, without the jobs, which it leaves alone."""
        memcpy(self.arena + self.state_first, self.undo, self.state_bytes)
        memcpy(self.network.state, self.undo + self.state_bytes, 8 * self.network.n_state)

    cdef void do_part(self, int what, i64 turn, f64 h_s) noexcept nogil:
        cdef i64 k
        cdef f64 factor = 1.001 if turn % 2 == 0 else 1.0 / 1.001
        if what == 0:
            solar_available(&self.source, self.see_row + WEATHER_COLUMNS, self.see_row + WEATHER_COLUMNS + self.source.n,
                            self.site.temp_c[0], self.bus.vm_pu, self.bus.alive, self.bus.tied, h_s)
        elif what == 1:
            self.allot(h_s)
        elif what == 2:
            self.inject()
        elif what == 3:
            for k in range(self.bus.n):  # a solution that is already there costs nothing
                self.network.p_pu[k] = self.network.p_pu[k] * factor
            self.network.solve(self.tolerance, 12)
            self.network.flows()
        elif what == 4:
            for k in range(self.loop.n):
                march_rows(&self.row, self.loop.row_first[k], self.loop.row_last[k], self.loop.supply_c[k],
                           self.loop.flow[k], h_s, self.row_work)
        elif what == 5:
            for k in range(self.loop.n):
                march_loop(&self.loop, k, self.loop.heat_in_w[k] * h_s, 1e5, 0.9, self.site.temp_c[0],
                           self.site.wet_bulb_c[0], self.see_row[7], h_s)
        elif what == 6:
            march_stores(&self.store, h_s)
            march_store_heat(&self.store, self.site.temp_c[0], h_s)
        elif what == 7:
            self.roll_up(h_s)
            self.audit(h_s)
        elif what == 8:
            self.watch(ALGEBRAIC)
            self.watch(STATE)
            self.watch(SOFT)
        elif what == 9:
            read_spans(self.n_span, self.span, self.values, self.channel_scale, self.value_now)

    def drained(self):
        """Tell that the result buffers were taken."""
        self.hours = 0
        self.minutes = 0
        self.fines = 0

    def clocks(self):
        """Integers that a snapshot needs besides the arena."""
        return {
            "now_ms": self.now_ms, "fine_step_ms": self.fine_step_ms, "fine_end_ms": self.fine_end_ms,
            "fine_close_ms": self.fine_close_ms, "start_fine_ms": self.start_fine_ms,
            "step_open_ms": self.step_open_ms, "hour_s": self.hour_s, "minute_s": self.minute_s,
        }

    def set_clocks(self, clocks):
        """The reverse of ``clocks``."""
        self.now_ms = clocks["now_ms"]
        self.fine_step_ms = clocks["fine_step_ms"]
        self.fine_end_ms = clocks["fine_end_ms"]
        self.fine_close_ms = clocks["fine_close_ms"]
        self.start_fine_ms = clocks["start_fine_ms"]
        self.step_open_ms = clocks["step_open_ms"]
        self.hour_s = clocks["hour_s"]
        self.minute_s = clocks["minute_s"]
        self.n_violated = 0
        for i in self.violations.nonzero()[0]:
            self.violated_at[self.n_violated] = i
            self.n_violated += 1

    def network_state(self):
        """Bytes of the network's voltages, for a snapshot."""
        return bytes(<bytes>(<char*>self.network.state)[:8 * self.network.n_state])

    def set_network_state(self, bytes data):
        """The reverse of ``network_state``; the topology must have been set before."""
        if len(data) != 8 * self.network.n_state:
            raise ValueError("the snapshot is of another network")
        memcpy(self.network.state, <char*>data, len(data))

    # ------------------------------------------------------------------ advancing

    cdef i64 next_line(self, i64 until) noexcept nogil:
        """End of the step that starts now: the next line of the grid in force."""
        cdef i64 grid = self.fine_step_ms if self.now_ms < self.fine_end_ms else self.grid_ms
        return (self.now_ms // grid + 1) * grid

    cdef int advance_to(self, i64 until, bint exact) noexcept nogil:
        cdef i64 te
        cdef int why
        self.n_fired = 0
        self.queue.save()
        self.queue_floor_ms = self.queue.now_ms
        while self.now_ms < until:
            te = self.next_line(until)
            if exact:
                te = min(te, until)
            if self.hours >= self.hour_cap or self.minutes >= self.minute_cap or self.fines >= self.fine_cap:
                return CHUNK
            if (te - 1) // MS_PER_MIN >= self.weather_first_min + self.weather_rows:
                return WEATHER
            if te > until:
                return self.look(te, until)
            why = self.step(te)
            if why != REACHED:
                return why
        return REACHED

    cdef int look(self, i64 te, i64 until) noexcept nogil:
        """Bring the jobs to ``until``, within the step to ``te``; but a guard that this step meets by then comes first.

        The step is only tried: whether anybody looks must not move a guard.
        """
        cdef i64 seen = self.queue.n_sighting
        cdef int why
        if self.queue.now_ms >= until:
            return REACHED
        memcpy(self.undo_out, self.arena + self.out_first, self.out_bytes)
        self.save_step()
        why = self.try_step(te)
        if why == REACHED and self.watch(ALGEBRAIC):
            self.undo_step()
            self.mark_fired()
            return GUARD
        if why == REACHED and self.watch(STATE):
            why = self.find_crossing(te, until, seen)
            if why != REACHED:
                return why
        self.undo_step()
        memcpy(self.arena + self.out_first, self.undo_out, self.out_bytes)
        return FAILED if why == FAILED else self.run_queue(until)

    cdef int run_queue(self, i64 te) noexcept nogil:
        """All job events up to ``te``; the step they belong to is opened once."""
        cdef int why
        if self.step_open_ms != self.now_ms:
            self.queue.begin_step(self.now_ms)
            self.step_open_ms = self.now_ms
        why = self.queue.run_until(te)
        if why == 1:
            return JOB
        return JOBS_FULL if why != 0 else REACHED

    cdef int run_queue_past(self, i64 te) noexcept nogil:
        """All job events up to ``te``, those of watched jobs as well: REACHED or JOBS_FULL."""
        cdef int why = self.run_queue(te)
        while why == JOB:
            why = self.run_queue(te)
        return why

    cdef void save_step(self) noexcept nogil:
        memcpy(self.undo, self.arena + self.state_first, self.state_bytes)
        memcpy(self.undo + self.state_bytes, self.network.state, 8 * self.network.n_state)

    cdef void undo_step(self) noexcept nogil:
        memcpy(self.arena + self.state_first, self.undo, self.state_bytes)
        memcpy(self.network.state, self.undo + self.state_bytes, 8 * self.network.n_state)
        self.queue.load()
        while self.queue.now_ms < self.now_ms:
            self.queue.run_until(self.now_ms)
        self.step_open_ms = self.queue.step_ms if self.queue.now_ms > self.now_ms else -1

    cdef int try_step(self, i64 te) noexcept nogil:
        """One step to ``te`` without committing it: REACHED, JOBS_FULL or FAILED."""
        cdef f64 h_s = (te - self.now_ms) * 1e-3
        cdef int why = self.see(te)
        if why != REACHED:
            return why
        self.allot(h_s)
        self.status = self.flow(h_s)
        if self.status != Status.OK:
            return FAILED
        self.march(h_s)
        self.roll_up(h_s)
        return REACHED

    cdef int step(self, i64 te) noexcept nogil:
        """One committed step, or the reason why there is none.

        The step is first taken past the events of watched jobs: a guard that comes before them is told before them,
        at the moment at which it would be told if nobody watched.
        """
        cdef i64 seen = self.queue.n_sighting
        cdef int why
        self.save_step()
        why = self.try_step(te)
        if why == FAILED:
            self.undo_step()
            return FAILED
        if why != REACHED:
            return self.stop_at_job(te)
        if self.watch(ALGEBRAIC):
            # the limit is broken from the start of the step on: nobody may act later than that
            self.undo_step()
            self.mark_fired()
            return GUARD
        if self.watch(STATE):
            return self.find_crossing(te, te, seen)
        if self.queue.n_sighting > seen:
            return self.stop_at_job(te)
        if self.audit((te - self.now_ms) * 1e-3) != 0:
            return AUDIT_FAILED
        self.commit(te)
        if self.watch(SOFT):
            self.mark_fired()
            return GUARD
        return REACHED

    cdef int stop_at_job(self, i64 te) noexcept nogil:
        """Undo the step that was tried and go to the first event of a watched job."""
        self.undo_step()
        return self.run_queue(te)

    cdef int find_crossing(self, i64 te, i64 limit, i64 seen) noexcept nogil:
        """Repeat the step up to the first millisecond at which a limit is crossed, and commit that.

        REACHED where the crossing comes after ``limit``: then nothing was done. Up to ``queue_floor_ms`` somebody has
        seen the jobs, after the step had been tried: no crossing can lie before that.
        """
        cdef i64 lo = self.now_ms
        cdef i64 hi = te
        cdef i64 mid
        while hi - lo > 1:
            mid = lo + (hi - lo) // 2
            if mid <= self.queue_floor_ms:
                lo = mid
                continue
            self.undo_step()
            if self.try_step(mid) == REACHED and not self.watch(STATE):
                lo = mid
            else:
                hi = mid
        if hi > limit:
            return REACHED
        self.undo_step()
        if self.try_step(hi) != REACHED:
            self.undo_step()
            return FAILED
        if self.queue.n_sighting > seen:
            return self.stop_at_job(hi)
        self.watch(STATE)
        self.mark_fired()
        if self.audit((hi - self.now_ms) * 1e-3) != 0:
            return AUDIT_FAILED
        self.commit(hi)
        self.queue.save()
        return GUARD

    cdef int mark_fired(self) noexcept nogil:
        cdef i64 i
        for i in range(self.n_fired):
            self.violated[self.fired[i]] = 1
            self.violated_at[self.n_violated + i] = self.fired[i]
        self.n_violated += self.n_fired
        self.ledger.guards[0] += 1.0
        return 0

    # ------------------------------------------------------------------ see

    cdef int see(self, i64 te) noexcept nogil:
        """Weather and jobs of the step [now, te)."""
        cdef int why = self.run_queue_past(te)
        cdef i64 i, n = self.row.n
        cdef f64 per_ms
        cdef f64_cr load = self.queue.load_w
        cdef f64_cr dev = self.queue.load_dev
        cdef f64_r mean = self.mean_w
        if why != REACHED:
            return why
        self.read_weather(self.now_ms, te)
        per_ms = 1.0 / (te - self.now_ms)
        for i in range(N_CLASS * n):
            mean[i] = load[i] - dev[i] * per_ms
        solar_available(&self.source, self.see_row + WEATHER_COLUMNS, self.see_row + WEATHER_COLUMNS + self.source.n,
                        self.site.temp_c[0], self.bus.vm_pu, self.bus.alive, self.bus.tied,
                        (te - self.now_ms) * 1e-3)
        return REACHED

    cdef void read_weather(self, i64 t0, i64 t1) noexcept nogil:
        """Mean of the boundary data over [t0, t1): a minute's row where the step lies inside one."""
        cdef i64 first = t0 // MS_PER_MIN - self.weather_first_min
        cdef i64 last = (t1 - 1) // MS_PER_MIN - self.weather_first_min
        cdef i64 row, j
        cdef i64 width = self.weather_width
        cdef const float* w = self.weather + first * width
        cdef float share = <float>(1.0 / (last - first + 1))
        if first == last:
            memcpy(self.see_row, w, width * sizeof(float))
        else:
            memset(self.see_row, 0, width * sizeof(float))
            for row in range(first, last + 1):
                w = self.weather + row * width
                for j in range(width):
                    self.see_row[j] += w[j] * share
        self.site.ghi_w_m2[0] = self.see_row[0]
        self.site.temp_c[0] = self.see_row[1]
        self.site.wet_bulb_c[0] = self.see_row[2]
        self.site.wind_m_s[0] = self.see_row[3]
        self.site.gust_m_s[0] = self.see_row[4]
        self.site.rain_mm_h[0] = self.see_row[5]
        self.site.dust_mg_m3[0] = self.see_row[6]

    # ------------------------------------------------------------------ allot

    cdef void rows_demand(self) noexcept nogil:
        """What each row group would draw with the caps in force, W at the rack inputs."""
        cdef RowTable* t = &self.row
        cdef i64 i, n = t.n
        cdef int c
        cdef f64 cap
        cdef f64_r jobs = t.jobs_w
        cdef f64_cr mean
        for i in range(n):
            jobs[i] = 0.0
        for c in range(N_CLASS):
            cap = self.tier.cap[c % N_TIER]
            mean = self.mean_w + c * n
            for i in range(n):
                jobs[i] += cap * mean[i]
        supply_loss(n, t.commissioned, t.tripped, t.idle_w, jobs, t.throttle, t.psu_rated_w, t.psu_loss_0, t.psu_loss_1,
                    t.psu_loss_2, t.demand_w)

    cdef void demand(self, f64 h_s) noexcept nogil:
        """Feed rows from their boards or their batteries, and add up what boards and cooling draw."""
        cdef RowTable* t = &self.row
        cdef i64 i, k
        cdef f64 room_j, alive_a, alive_b
        self.rows_demand()
        for i in range(self.board.n):
            self.board.alive[i] = self.board.in_service[i] * self.bus.alive[self.board.bus[i]]
        find_feeds(t, self.board.alive)
        draw_rows(t.n, h_s, t.fed, t.demand_w, t.commissioned, t.tripped, t.idle_w, t.pump_share, t.cdu_pump_w, t.bbu_full_j,
                  t.bbu_charge_w, t.bbu_j, t.pump_draw_w, t.bbu_w, t.p_w, t.run_w, t.unserved_w, t.board_w, t.pump_on)
        load_boards(t, &self.board)
        for k in range(self.loop.n):
            i = self.loop.row_first[k]
            self.loop.cdu_w[k] = total(self.loop.row_last[k] - i, t.pump_draw_w + i)
        for i in range(self.board.n):
            self.board.loss_w[i] = self.board.alive[i] * curve_loss_w(
                self.board.out_w[i], self.board.rated_w[i], self.board.loss_0[i], self.board.loss_1[i],
                self.board.loss_2[i])
            self.board.in_w[i] = self.board.out_w[i] + self.board.loss_w[i]
        for k in range(self.loop.n):
            alive_a = self.bus.alive[self.loop.bus_a[k]]
            alive_b = self.bus.alive[self.loop.bus_b[k]]
            self.loop.alive[k] = alive_a + alive_b
            self.loop.fed[k] = 1.0 if alive_a + alive_b > 0.5 else 0.0
            room_j = max_(self.loop.pump_ups_j[k] - self.loop.ups_j[k], 0.0)
            self.loop.ups_w[k] = self.loop.fed[k] * min_(room_j / h_s, self.loop.pump_ups_j[k] / 600.0)
        for i in range(self.aux.n):
            self.aux.p_w[i] = self.aux.demand_w[i] * self.aux.in_service[i] * self.bus.alive[self.aux.bus[i]]

    cdef void tally(self) noexcept nogil:
        """Per island: what loads take and what sources and stores could do."""
        cdef i64 i
        cdef i32 k
        cdef i32* of = self.network.island_of_bus
        cdef f64 p
        self.n_island = self.network.n_island
        memset(self.island, 0, sizeof(Island) * MAX_ISLAND)
        for i in range(self.board.n):
            k = of[self.board.bus[i]]
            if k >= 0:
                self.island[k].load_w += self.board.in_w[i]
        for i in range(self.loop.n):
            p = (self.loop.power_w[i] + self.loop.ups_w[i]) / max_(self.loop.alive[i], 1.0)
            k = of[self.loop.bus_a[i]]
            if k >= 0:
                self.island[k].load_w += p
            k = of[self.loop.bus_b[i]]
            if k >= 0:
                self.island[k].load_w += p
        for i in range(self.aux.n):
            k = of[self.aux.bus[i]]
            if k >= 0:
                self.island[k].load_w += self.aux.p_w[i]
        for i in range(self.source.n):
            k = of[self.source.bus[i]]
            if k >= 0 and self.source.alive[i] > 0.0:
                self.island[k].solar_w += min_(self.source.available_w[i],
                                               self.source.limit_share[i] * self.source.ac_rated_w[i])
        for i in range(self.store.n):
            k = of[self.store.bus[i]]
            if k >= 0:
                self.island[k].load_w += self.store.aux_now_w[i]
                self.island[k].discharge_w += self.store.discharge_w[i]
                self.island[k].charge_w += self.store.charge_w[i]
        for i in range(self.genset.n):
            k = of[self.genset.bus[i]]
            if k >= 0:
                self.island[k].genset_w += self.genset.rated_w[i] * self.genset.running[i] * self.genset.derate[i]
        for i in range(self.grid.n):
            k = of[self.grid.bus[i]]
            if k >= 0 and self.grid.in_service[i] > 0.5:
                self.island[k].has_grid = 1.0
                self.island[k].import_w += self.grid.import_limit_w[i]
                self.island[k].export_w += self.grid.export_limit_w[i]

    cdef void share(self, Island* k, f64 loss_w, bint main) noexcept nogil:
        """Decide one island's balance: sun first, then storage, then the tie, then gensets; the rest is short.

        Dispatch rules (shares, limits set by a process) hold where a grid tie is; an island uses all it has.
        """
        cdef f64 charge_max = k.charge_w * (self.rule.charge_share[0] if k.has_grid > 0.5 else 1.0)
        cdef f64 dis_max = k.discharge_w
        cdef f64 sun = min_(k.solar_w, self.rule.pv_limit_w[0]) if main else k.solar_w
        cdef f64 net = sun - k.load_w - loss_w
        cdef f64 charge = 0.0, discharge = 0.0, gen = 0.0, extra
        k.short_w = 0.0
        k.grid_plan_w = 0.0
        if k.has_grid > 0.5:
            dis_max = min_(dis_max * self.rule.discharge_share[0], max_(-net - self.rule.import_target_w[0], 0.0))
        if net >= 0.0:
            charge = min_(net, charge_max)
            net -= charge
            k.grid_plan_w = -min_(net, k.export_w)
            net += k.grid_plan_w
            sun -= net
        else:
            discharge = min_(-net, dis_max)
            net += discharge
            k.grid_plan_w = min_(-net, k.import_w)
            net += k.grid_plan_w
            if net < 0.0:  # the tie is at its limit: what the rule held back is needed now
                extra = min_(-net, k.discharge_w - discharge)
                discharge += extra
                net += extra
            if net < 0.0:
                gen = min_(-net, k.genset_w)
                net += gen
            k.short_w = -net
            if discharge <= 0.0 and self.rule.charge_from_grid_w[0] > 0.0 and k.has_grid > 0.5:
                charge = min_(min_(self.rule.charge_from_grid_w[0], k.charge_w), k.import_w - k.grid_plan_w)
                charge = max_(charge, 0.0)
                k.grid_plan_w += charge
        k.f_solar = sun / k.solar_w if k.solar_w > 0.0 else 0.0
        k.f_discharge = discharge / k.discharge_w if k.discharge_w > 0.0 else 0.0
        k.f_charge = charge / k.charge_w if k.charge_w > 0.0 else 0.0
        k.f_genset = gen / k.genset_w if k.genset_w > 0.0 else 0.0

    cdef i32 main_island(self) noexcept nogil:
        """The island with the largest load: the one whose shortage caps jobs rather than cutting rows at once."""
        cdef i32 k, best = 0
        for k in range(1, self.n_island):
            if self.island[k].load_w > self.island[best].load_w:
                best = k
        return best

    cdef void share_all(self) noexcept nogil:
        cdef i32 k, main
        self.tally()
        main = self.main_island()
        for k in range(self.n_island):
            self.share(&self.island[k], self.loss.loss_w[k], k == main)

    cdef void allot(self, f64 h_s) noexcept nogil:
        """Balance every island for the coming step; cap jobs by tier, then cut rows, where it cannot be balanced."""
        cdef i64 i
        cdef i32 k, main
        cdef int c
        for c in range(N_TIER):
            self.tier.cap[c] = 1.0
        for i in range(self.row.n):
            self.row.shed[i] = 0.0
        store_limits(&self.store, self.ocv_v, self.bus.alive, self.bus.tied, self.rule.soc_floor[0],
                     self.rule.soc_ceiling[0], h_s)
        self.demand(h_s)
        self.share_all()
        self.relieve(h_s)

    cdef void relieve(self, f64 h_s) noexcept nogil:
        """While an island is short: cap its jobs (main island) or cut rows, and share again."""
        cdef i32 k, main
        cdef int turn
        cdef bint acted
        for turn in range(6):
            main = self.main_island()
            acted = False
            for k in range(self.n_island):
                if self.island[k].short_w > LIMIT_SLACK_W:
                    acted = True
                    if k != main or not self.cap_jobs(self.island[k].short_w):
                        self.cut_rows(k, self.island[k].short_w)
            if not acted:
                return
            self.demand(h_s)
            self.share_all()

    cdef bint cap_jobs(self, f64 short_w) noexcept nogil:
        """Lower the power of job tiers 3, 2, 1, 0 in turn, first to the floor, then to nothing. False: no more to get.

        Caps are multiples of 1/1024, as the queue's clocks count.
        """
        cdef f64 dynamic[N_TIER]
        cdef f64 floor, share, want = short_w * 1.02
        cdef i64 i, n = self.row.n
        cdef int c, turn
        cdef bint acted = False
        for c in range(N_TIER):
            dynamic[c] = 0.0
        for c in range(N_CLASS):
            for i in range(n):
                dynamic[c % N_TIER] += self.mean_w[c * n + i] * (1.0 if self.row.fed[i] > 0.5 else 0.0)
        for turn in range(2):
            floor = self.rule.cap_floor[0] if turn == 0 else 0.0
            for c in range(N_TIER - 1, -1, -1):
                if want <= 0.0 or self.tier.cap[c] <= floor or dynamic[c] <= 0.0:
                    continue
                share = max_(self.tier.cap[c] - want / dynamic[c], floor)
                share = <f64>(<i64>(share * 1024.0)) / 1024.0
                want -= (self.tier.cap[c] - share) * dynamic[c]
                self.tier.cap[c] = share
                acted = True
        return acted

    cdef void cut_rows(self, i32 k, f64 short_w) noexcept nogil:
        """Disconnect row groups that island ``k`` feeds, the last first, until ``short_w`` is relieved.

        A row fed from two islands is cut as well: its other side could not carry it alone without a new plan.
        """
        cdef i64 i
        cdef i32 a, b
        cdef i32* of = self.network.island_of_bus
        cdef f64 want = short_w
        for i in range(self.row.n - 1, -1, -1):
            if want <= 0.0:
                return
            a = self.row.board_a[i]
            b = self.row.board_b[i]
            if self.row.fed[i] < 0.5 or self.row.board_w[i] <= 0.0:
                continue
            if (a >= 0 and of[self.board.bus[a]] == k) or (b >= 0 and of[self.board.bus[b]] == k):
                self.row.shed[i] = 1.0
                want -= self.row.board_w[i]

    # ------------------------------------------------------------------ flow

    cdef void inject(self) noexcept nogil:
        """Active and reactive power into every bus, from what was decided."""
        cdef i64 i
        cdef i32 k
        cdef i32* of = self.network.island_of_bus
        cdef f64 p, x
        cdef f64* w = self.bus_w
        cdef f64* var = self.bus_var
        memset(w, 0, 8 * self.bus.n)
        memset(var, 0, 8 * self.bus.n)
        for i in range(self.grid.n):
            self.grid.p_w[i] = 0.0
            self.grid.q_var[i] = 0.0
        for i in range(self.source.n):
            k = of[self.source.bus[i]]
            p = 0.0
            if k >= 0 and self.source.alive[i] > 0.0:
                p = min_(self.source.available_w[i], self.source.limit_share[i] * self.source.ac_rated_w[i])
                p *= self.island[k].f_solar
            self.source.p_w[i] = p
            self.source.curtailed_w[i] = self.source.available_w[i] - p
            w[self.source.bus[i]] += p
            var[self.source.bus[i]] += self.source.q_var[i]
        for i in range(self.store.n):
            k = of[self.store.bus[i]]
            p = 0.0
            x = 0.0
            if k >= 0:
                p = self.store.discharge_w[i] * self.island[k].f_discharge
                p -= self.store.charge_w[i] * self.island[k].f_charge
                x = self.store.aux_now_w[i]
            self.store.p_w[i] = p
            self.store.drawn_w[i] = x
            w[self.store.bus[i]] += p - x
        for i in range(self.genset.n):
            k = of[self.genset.bus[i]]
            p = 0.0
            if k >= 0:
                p = self.genset.rated_w[i] * self.genset.running[i] * self.genset.derate[i] * self.island[k].f_genset
            self.genset.p_w[i] = p
            w[self.genset.bus[i]] += p
        for i in range(self.board.n):
            w[self.board.bus[i]] -= self.board.in_w[i]
            var[self.board.bus[i]] -= self.board.in_w[i] * self.board.tan_phi[i]
        for i in range(self.loop.n):
            p = (self.loop.power_w[i] + self.loop.ups_w[i]) / max_(self.loop.alive[i], 1.0)
            x = p * self.bus.alive[self.loop.bus_a[i]]
            w[self.loop.bus_a[i]] -= x
            var[self.loop.bus_a[i]] -= x * self.loop.tan_phi[i]
            x = p * self.bus.alive[self.loop.bus_b[i]]
            w[self.loop.bus_b[i]] -= x
            var[self.loop.bus_b[i]] -= x * self.loop.tan_phi[i]
        for i in range(self.aux.n):
            w[self.aux.bus[i]] -= self.aux.p_w[i]
        self.share_reactive()
        for i in range(self.bus.n):
            self.network.p_pu[i] = w[i] / BASE
            self.network.q_pu[i] = var[i] / BASE

    cdef void share_reactive(self) noexcept nogil:
        """In an island without a grid tie all its storage converters share the reactive power, each as it has room.

        One converter alone could not carry it through its own transformer. ``loss_var`` is what the network itself
        takes, corrected after every power flow; the first guess is a fiftieth of the active load
        (0 to 3 % on the default site, computed; with an eighth the forming converter alone collapsed).
        """
        cdef i64 i
        cdef i32 k
        cdef i32* of = self.network.island_of_bus
        cdef f64 need[MAX_ISLAND]
        cdef f64 spare[MAX_ISLAND]
        cdef f64 s, q
        cdef bint tied = True
        for k in range(self.n_island):
            tied = tied and self.island[k].has_grid > 0.5
        if tied:
            memset(self.store.q_var, 0, 8 * self.store.n)
            return
        memset(need, 0, sizeof(need))
        memset(spare, 0, sizeof(spare))
        for i in range(self.bus.n):
            if of[i] >= 0:
                need[of[i]] -= self.bus_var[i]
        for i in range(self.store.n):
            s = self.store.s_rated_va[i]
            q = sqrt_(max_(s * s - self.store.p_w[i] * self.store.p_w[i], 0.0)) * self.store.alive[i]
            self.store.q_room_var[i] = q
            if of[self.store.bus[i]] >= 0:
                spare[of[self.store.bus[i]]] += q
        for k in range(self.n_island):
            if self.loss.loss_var[k] == 0.0:
                self.loss.loss_var[k] = 0.02 * self.island[k].load_w
            need[k] = min_(max_((need[k] + self.loss.loss_var[k]) / max_(spare[k], 1.0), -1.0), 1.0)
        for i in range(self.store.n):
            k = of[self.store.bus[i]]
            self.store.q_var[i] = 0.0
            if k >= 0 and self.island[k].has_grid < 0.5:
                self.store.q_var[i] = need[k] * self.store.q_room_var[i]
                self.bus_var[self.store.bus[i]] += self.store.q_var[i]

    cdef int flow(self, f64 h_s) noexcept nogil:
        """Power flow, repeated with corrected losses while a tie limit or an island's balance is missed."""
        cdef int turn, status
        for turn in range(MAX_PASS):
            self.inject()
            status = self.network.solve(self.tolerance, 12)
            self.ledger.solves[0] += 1.0
            self.ledger.iterations[0] += self.network.iterations
            if status != Status.OK:
                self.blame(status)
                return status
            self.network.flows()
            if self.settle(turn == MAX_PASS - 1):
                break
            self.share_all()
            self.relieve(h_s)
        self.network_results()
        return self.unbalanced()

    cdef void blame(self, int status) noexcept nogil:
        """Name the bus that holds the island which has no solution, so that it can go dark by itself."""
        cdef i32 k
        self.failed_at = -1
        for k in range(self.network.n_island):
            if self.network.island_status[k] != Status.OK:
                self.failed_at = self.network.slack_of_island[k]
                return

    cdef int unbalanced(self) noexcept nogil:
        """DEAD where an island without a grid tie is still short after all its rows were cut; else OK."""
        cdef i32 k
        for k in range(self.n_island):
            if self.island[k].has_grid < 0.5 and self.island[k].short_w > 10.0 * LIMIT_SLACK_W:
                self.failed_at = self.network.slack_of_island[k]
                return Status.DEAD
        return Status.OK

    cdef bint settle(self, bint last) noexcept nogil:
        """Compare what each island's source really gives with the plan. True: the plan is met (or must do).

        The grid takes up any difference unless that breaks a limit of the tie; grid-forming stores are re-planned
        until they are within a kilowatt, and then carry the rest exactly.
        """
        cdef i32 k, bus
        cdef f64 extra, planned, real
        cdef bint met = True
        for k in range(self.n_island):
            extra = self.network.slack_p[k] * BASE
            planned = self.island[k].grid_plan_w
            self.loss.loss_w[k] += extra - planned
            if self.island[k].has_grid > 0.5:
                if extra > self.island[k].import_w + LIMIT_SLACK_W or extra < -self.island[k].export_w - LIMIT_SLACK_W:
                    met = False
            else:
                self.loss.loss_var[k] += self.network.slack_q[k] * BASE
                if abs_(extra) > LIMIT_SLACK_W or abs_(self.network.slack_q[k]) * BASE > REACTIVE_SLACK_VAR:
                    met = False
        if met or last:
            for k in range(self.n_island):
                bus = self.network.slack_of_island[k]
                self.carry(k, bus, self.network.slack_p[k] * BASE)
            return True
        return False

    cdef void carry(self, i32 k, i32 bus, f64 extra_w) noexcept nogil:
        """Book the balance of island ``k`` to what holds it: the tie, a genset, or the stores at its forming bus."""
        cdef i64 i, units = 0
        for i in range(self.grid.n):
            if self.grid.bus[i] == bus and self.island[k].has_grid > 0.5:
                self.grid.p_w[i] = extra_w
                self.grid.q_var[i] = self.network.slack_q[k] * BASE
                return
        for i in range(self.genset.n):
            if self.genset.bus[i] == bus and self.genset.running[i] > 0.5:
                self.genset.p_w[i] += extra_w
                return
        for i in range(self.store.n):
            units += 1 if (self.store.bus[i] == bus and self.store.alive[i] > 0.0) else 0
        for i in range(self.store.n):
            if self.store.bus[i] == bus and self.store.alive[i] > 0.0:
                self.store.p_w[i] += extra_w / units

    cdef void network_results(self) noexcept nogil:
        cdef i64 i
        for i in range(self.bus.n):
            self.bus.vm_pu[i] = self.network.vm[i]
        for i in range(self.branch.n):
            self.branch.loading_pu[i] = self.network.loading[i]
            self.branch.p_from_w[i] = self.network.p_from[i] * BASE
            self.branch.q_from_var[i] = self.network.q_from[i] * BASE

    # ------------------------------------------------------------------ march

    cdef void march(self, f64 h_s) noexcept nogil:
        """Advance stores, rows and loops with the powers of this step."""
        cdef i64 k, n, first, last
        cdef f64 heat_j, air_w, valve, worst, rate = 0.0, before
        drain_batteries(self.row.n, h_s, self.row.bbu_w, self.row.bbu_j)
        march_stores(&self.store, h_s)
        worst = march_store_heat(&self.store, self.site.temp_c[0], h_s)
        for k in range(self.loop.n):
            if self.loop.commissioned[k] < 0.5:
                continue
            first = self.loop.row_first[k]
            last = self.loop.row_last[k]
            before = self.loop.supply_tcs_max_c[k]
            worst = worse(march_rows(&self.row, first, last, self.loop.supply_c[k], self.loop.flow[k], h_s,
                                     self.row_work), worst)
            n = last - first
            heat_j = total(n, self.row.heat_j + first)
            air_w = total(n, self.row.air_w + first)
            valve = largest(n, self.row.valve + first, 0.0)   # a row that is not there asks for the least
            self.loop.it_w[k] = total(n, self.row.p_w + first)
            self.loop.supply_tcs_max_c[k] = largest(n, self.row.supply_c + first, -100.0)
            self.loop.die_max_c[k] = largest(n, self.row.die_c + first, -100.0)
            rate = max_(rate, abs_(self.loop.supply_tcs_max_c[k] - before) / h_s)
            # what the buses fed this step; march_loop leaves what the next one will draw
            self.loop.drawn_w[k] = self.loop.power_w[k] * self.loop.fed[k] + self.loop.ups_w[k]
            self.loop.ups_j[k] += self.loop.ups_w[k] * h_s
            worst = worse(march_loop(&self.loop, k, heat_j, air_w, valve, self.site.temp_c[0], self.site.wet_bulb_c[0],
                                     self.see_row[7], h_s), worst)
        self.rate_k_s = rate
        self.site.heat_residual_pu[0] = worst

    # ------------------------------------------------------------------ books

    cdef void roll_up(self, f64 h_s) noexcept nogil:
        """Site totals of the step, W, each from the components' side."""
        cdef SiteTable* s = &self.site
        cdef i64 i
        cdef f64 solar = 0.0, avail = 0.0, bat = 0.0, q = 0.0, qs = 0.0, it, cool = 0.0, aux = 0.0, ups = 0.0
        cdef f64 grid = 0.0, var = 0.0, gen = 0.0, unserved, bbu, water = 0.0, dry = 0.0, loss = 0.0, dis = 0.0
        for i in range(self.grid.n):
            grid += self.grid.p_w[i]
            var += self.grid.q_var[i]
        for i in range(self.source.n):
            solar += self.source.p_w[i]
            avail += self.source.available_w[i]
        for i in range(self.genset.n):
            gen += self.genset.p_w[i]
        for i in range(self.store.n):
            bat += self.store.p_w[i]
            loss += self.store.loss_w[i]
            dis += self.store.discharge_w[i]
            aux += self.store.drawn_w[i]
            q += self.store.q_ah[i] * self.store.commissioned[i]
            qs += self.store.q_ah[i] * self.store.commissioned[i] * self.store.soc[i]
        self.roll_up_blocks()
        it = total(self.row.n, self.row.p_w)
        unserved = total(self.row.n, self.row.unserved_w)
        bbu = total(self.row.n, self.row.bbu_w)
        for i in range(self.loop.n):
            cool += self.loop.drawn_w[i] + self.loop.cdu_w[i]
            water += self.loop.used_kg_s[i]
            dry = worse(self.loop.water_off_kg_s[i], dry)
        for i in range(self.board.n):
            ups += self.board.loss_w[i]
        for i in range(self.aux.n):
            aux += self.aux.p_w[i]
        s.grid_w[0] = grid
        s.grid_var[0] = var
        s.solar_w[0] = solar
        s.solar_available_w[0] = avail
        s.curtailed_w[0] = avail - solar
        s.battery_w[0] = bat
        s.soc[0] = qs / q if q > 0.0 else 0.0
        s.genset_w[0] = gen
        s.it_w[0] = it
        s.cooling_w[0] = cool
        s.auxiliary_w[0] = aux
        s.network_loss_w[0] = self.network.loss_p * BASE
        s.ups_loss_w[0] = ups
        s.battery_loss_w[0] = loss
        s.losses_w[0] = ups + s.network_loss_w[0]
        s.load_w[0] = it + cool + aux + s.losses_w[0]
        s.unserved_w[0] = unserved
        s.bbu_w[0] = bbu
        s.water_kg_s[0] = water
        s.water_residual_pu[0] = dry / max_(water, 1.0)   # 1 kg/s: below, a residual is rounding
        s.pue[0] = s.load_w[0] / it if it > 1e3 else 0.0
        s.mismatch_w[0] = self.network.mismatch_sum * BASE
        s.cap[0] = self.tier.cap[N_TIER - 1]
        s.frequency_hz[0] = self.frequency(bat, dis)
        s.running[0] = self.queue.n_running
        s.queued[0] = self.queue.n_queued
        s.gpus_used[0] = self.queue.gpus_used
        s.gpus_online[0] = self.queue.gpus_online
        s.utilisation[0] = s.gpus_used[0] / s.gpus_online[0] if s.gpus_online[0] > 0.0 else 0.0

    cdef void roll_up_blocks(self) noexcept nogil:
        """Power, charge, hottest cell and health of every battery block."""
        cdef i64 i, k
        cdef f64 q
        for k in range(self.block.n):
            self.block.p_w[k] = 0.0
            self.block.soc[k] = 0.0
            self.block.soh[k] = 0.0
            self.block.q_ah[k] = 0.0
            self.block.cell_max_c[k] = -100.0
        for i in range(self.store.n):
            k = self.store.block[i]
            q = self.store.q_ah[i]
            self.block.p_w[k] += self.store.p_w[i]
            self.block.soc[k] += q * self.store.soc[i]
            self.block.soh[k] += q * self.store.q_factor[i]
            self.block.q_ah[k] += q
            self.block.cell_max_c[k] = max_(self.block.cell_max_c[k], self.store.cell_c[i])
        for k in range(self.block.n):
            self.block.soc[k] /= self.block.q_ah[k]
            self.block.soh[k] /= self.block.q_ah[k]

    cdef f64 frequency(self, f64 battery_w, f64 able_w) noexcept nogil:
        """Frequency of the main island: the grid's, or the droop of the storage that holds it; 0 when all is dead."""
        cdef i32 main
        if self.n_island == 0:
            return 0.0
        main = self.main_island()
        if self.island[main].has_grid > 0.5:
            return NOMINAL_HZ
        return NOMINAL_HZ - DROOP_HZ * min_(max_(battery_w / max_(able_w, 1.0), -1.0), 1.0)

    cdef int audit(self, f64 h_s) noexcept nogil:
        """Books of the step: energy of the site, heat of every node, charge of every store, GPUs, water. 0 when they close."""
        cdef SiteTable* s = &self.site
        cdef f64 put = s.solar_w[0] + s.grid_w[0] + s.battery_w[0] + s.genset_w[0]
        cdef f64 through = abs_(s.grid_w[0]) + s.solar_w[0] + abs_(s.battery_w[0]) + abs_(s.genset_w[0])
        cdef f64 off = put - s.load_w[0] - s.mismatch_w[0]
        cdef i64 i
        through = max_(through + s.load_w[0], 1e6)
        s.energy_residual_pu[0] = off / through
        # rows and loops exchange tens of megawatts; 1 MW is the scale below which a residual is rounding
        s.heat_residual_pu[0] = s.heat_residual_pu[0] / max_(s.it_w[0], 1e8)
        if not (abs_(s.energy_residual_pu[0]) <= AUDIT_SHARE):
            return 1
        if not (s.heat_residual_pu[0] <= AUDIT_SHARE):
            return 2
        for i in range(self.store.n):
            if not (-1e-9 <= self.store.soc[i] <= 1.0 + 1e-9):
                self.failed_at = i
                return 3
        if s.gpus_used[0] > s.gpus_online[0] or s.gpus_used[0] < 0.0:
            return 4
        if not (s.water_residual_pu[0] <= AUDIT_SHARE):
            return 5
        return 0

    cdef void book(self, f64 h_s) noexcept nogil:
        """Add the step to the ledgers, J."""
        cdef SiteTable* s = &self.site
        cdef LedgerTable* b = &self.ledger
        cdef i64 i
        b.solar_available[0] += s.solar_available_w[0] * h_s
        b.solar_used[0] += s.solar_w[0] * h_s
        b.curtailed[0] += s.curtailed_w[0] * h_s
        b.grid_import[0] += max_(s.grid_w[0], 0.0) * h_s
        b.grid_export[0] += max_(-s.grid_w[0], 0.0) * h_s
        b.battery_discharge[0] += max_(s.battery_w[0], 0.0) * h_s
        b.battery_charge[0] += max_(-s.battery_w[0], 0.0) * h_s
        b.genset[0] += s.genset_w[0] * h_s
        b.it[0] += s.it_w[0] * h_s
        b.cooling[0] += s.cooling_w[0] * h_s
        b.auxiliary[0] += s.auxiliary_w[0] * h_s
        b.losses[0] += s.losses_w[0] * h_s
        b.unserved[0] += s.unserved_w[0] * h_s
        b.mismatch[0] += s.mismatch_w[0] * h_s
        b.water_kg[0] += s.water_kg_s[0] * h_s
        b.throughput[0] += s.load_w[0] * h_s
        b.energy_drift[0] += s.energy_residual_pu[0] * s.load_w[0] * h_s
        b.worst_energy_pu[0] = max_(b.worst_energy_pu[0], abs_(s.energy_residual_pu[0]))
        b.worst_heat_pu[0] = max_(b.worst_heat_pu[0], s.heat_residual_pu[0])
        b.worst_mismatch_pu[0] = max_(b.worst_mismatch_pu[0], self.network.mismatch_p)
        b.steps[0] += 1.0
        b.seconds[0] += h_s
        if self.now_ms < self.fine_end_ms:
            b.fine_steps[0] += 1.0
        count_racks(self.row.n, self.row.racks, self.row.commissioned, self.row.tripped, self.row.run_w, self.row_work,
                    self.row_work + self.row.n)
        for i in range(self.loop.n):
            b.heat_water[0] += self.loop.heat_out_w[i] * h_s
            b.heat_air[0] += self.loop.air_w[i] * h_s
            b.heat_walls[0] += self.loop.leak_w[i] * h_s
            b.evaporated_kg[0] += self.loop.water_kg_s[i] * h_s
            b.makeup_kg[0] += self.loop.makeup_kg_s[i] * h_s
        b.worst_water_pu[0] = max_(b.worst_water_pu[0], s.water_residual_pu[0])
        b.rows_s[0] += total(self.row.n, self.row_work) * h_s
        b.rows_up_s[0] += total(self.row.n, self.row_work + self.row.n) * h_s

    # ------------------------------------------------------------------ watch

    cdef int watch(self, u8 kind) noexcept nogil:
        """Guards of one kind that are newly beyond their limit: their number; ``fired`` lists them."""
        cdef i64 s, i
        cdef f64 x
        cdef Span span
        self.n_fired = 0
        for s in range(self.kind_span[kind], self.kind_span[kind + 1]):
            span = self.guard_span[s]
            if not beyond(span.n, self.values + span.at, self.guard_limit + span.first, self.guard_sign + span.first):
                continue
            for i in range(span.first, span.first + span.n):
                x = self.guard_sign[i] * (self.values[self.guard_at[i]] - self.guard_limit[i])
                if not (x <= 0.0) and not self.violated[i]:
                    self.fired[self.n_fired] = <i32>i
                    self.fired_value[self.n_fired] = self.values[self.guard_at[i]]
                    self.n_fired += 1
        return self.n_fired > 0

    cdef void rearm(self) noexcept nogil:
        """Forget the guards whose value is back within its reset."""
        cdef i64 j, kept = 0
        cdef i32 i
        for j in range(self.n_violated):
            i = self.violated_at[j]
            if self.guard_sign[i] * (self.values[self.guard_at[i]] - self.guard_reset[i]) < 0.0:
                self.violated[i] = 0
            else:
                self.violated_at[kept] = i
                kept += 1
        self.n_violated = kept

    # ------------------------------------------------------------------ commit

    cdef void commit(self, i64 te) noexcept nogil:
        """The step stands: book and record it, tell the queue the caps, move the clock."""
        cdef f64 h_s = (te - self.now_ms) * 1e-3
        self.book(h_s)
        self.record(te, h_s)
        self.rearm()
        self.now_ms = te
        self.step_open_ms = -1
        self.tell_queue()
        if te % MS_PER_HOUR == 0:
            self.queue.save()
        if te < self.fine_end_ms and te >= self.fine_close_ms and te % self.grid_ms == 0:
            if self.rate_k_s < self.quiet_k_s:
                self.fine_end_ms = te

    cdef void tell_queue(self) noexcept nogil:
        """Job speeds follow the caps of the step just ended: s = 1 − (1 − p)² (docs/physics.md)."""
        cdef int c
        cdef f64 p, slow
        cdef bint told = False
        for c in range(N_TIER):
            p = self.tier.cap[c]
            if p != self.tier.told[c]:
                self.tier.told[c] = p
                slow = 1.0 - (1.0 - p) * (1.0 - p)
                self.queue.set_class(c, <i64>(slow * 1024.0), <i64>(p * 1024.0))
                # a throttled job runs at half speed beside that: thermal throttling, from memory
                self.queue.set_class(c + N_TIER, <i64>(slow * 512.0), <i64>(p * 1024.0))
                told = True
        if told:
            self.queue.save()

    cdef void record(self, i64 te, f64 h_s) noexcept nogil:
        """Add the step to the running hour and minute; close them where they end; keep fine rows."""
        cdef i64 i, n = self.n_channel
        cdef float h = <float>h_s
        cdef float* now = self.value_now
        cdef float* sums = self.hour_sum
        cdef float* low = self.hour_min
        cdef float* high = self.hour_max
        cdef i64 minute = MS_PER_MIN if self.grid_ms < MS_PER_MIN else self.grid_ms
        read_spans(self.n_span, self.span, self.values, self.channel_scale, now)
        for i in range(n):
            sums[i] += now[i] * h
            low[i] = now[i] if now[i] < low[i] else low[i]
            high[i] = now[i] if now[i] > high[i] else high[i]
        self.hour_s += h_s
        for i in range(self.n_minute):
            self.minute_sum[i] += self.values[self.channel_at[self.minute_of[i]]] * h_s
        self.minute_s += h_s
        if self.now_ms < self.fine_end_ms:
            self.fine_t[self.fines] = self.now_ms
            for i in range(self.n_fine):
                self.fine_out[self.fines * self.n_fine + i] = now[self.fine_of[i]]
            self.fines += 1
        if te % minute == 0:
            self.close_minute(te - minute)
        if te % MS_PER_HOUR == 0:
            self.close_hour(te - MS_PER_HOUR)

    cdef void close_minute(self, i64 t0) noexcept nogil:
        cdef i64 i
        cdef float* out = self.minute_out + self.minutes * self.n_minute
        for i in range(self.n_minute):
            if self.minute_mean[i]:
                out[i] = <float>(self.minute_sum[i] / self.minute_s * self.channel_scale[self.minute_of[i]])
            else:
                out[i] = self.value_now[self.minute_of[i]]
            self.minute_sum[i] = 0.0
        self.minute_t[self.minutes] = t0
        self.minutes += 1
        self.minute_s = 0.0

    cdef void close_hour(self, i64 t0) noexcept nogil:
        cdef i64 i, n = self.n_channel
        cdef float* out = self.hour_out + self.hours * 3 * n
        cdef float per = <float>(1.0 / self.hour_s)
        cdef i32 k
        for i in range(n):
            k = self.channel_of[i]
            out[k] = self.hour_sum[i] * per
            out[n + k] = self.hour_min[i]
            out[2 * n + k] = self.hour_max[i]
        self.hour_t[self.hours] = t0
        self.hours += 1
        clear_hour(self)


cdef void clear_hour(Plant plant) noexcept nogil:
    cdef i64 i
    for i in range(plant.n_channel):
        plant.hour_sum[i] = 0.0
        plant.hour_min[i] = <float>3e38
        plant.hour_max[i] = <float>-3e38
    plant.hour_s = 0.0
