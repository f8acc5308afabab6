"""The continuous world: tables of the site, its network and its jobs, advanced together.

Declared here so that kernels to come can reach into it without Python.
"""

from .network cimport Grid
from .queue cimport Queue
from .spans cimport Span
from .tables cimport (AuxTable, BlockTable, BoardTable, BranchTable, BusTable, GensetTable, GridTable, IslandTable, LedgerTable,
                      LoopTable, RowTable, RuleTable, SiteTable, SourceTable, StoreTable, TierTable)
from .types cimport f64, i32, i64, u8

cdef enum:
    N_TIER = 4
    N_CLASS = 8
    WEATHER_COLUMNS = 8   # ghi, temp, wet bulb, wind, gust, rain, dust, pressure; then dc_pu and stow_pu of each block
    MAX_ISLAND = 64
    MS_PER_MIN = 60000
    MS_PER_HOUR = 3600000

# How a guard is watched.
cdef enum:
    STATE = 0       # the step is repeated up to the crossing
    ALGEBRAIC = 1   # the value jumps at the start of a step: the guard fires there
    SOFT = 2        # told at the end of the step in which it happened; costs nothing

# Why ``advance`` came back.
cdef enum Reason:
    REACHED = 0
    GUARD = 1
    JOB = 2
    CHUNK = 3
    FAILED = 4
    WEATHER = 5
    AUDIT_FAILED = 6
    JOBS_FULL = 7

# What one energised island of the network can give and takes, W; rebuilt by every ``allot``.
ctypedef struct Island:
    f64 load_w        # boards, cooling and auxiliaries behind its buses
    f64 solar_w       # available
    f64 discharge_w   # what the stores could give
    f64 charge_w      # what the stores could take
    f64 genset_w      # running gensets' rating
    f64 has_grid      # 1 where a grid tie holds it
    f64 import_w      # limits of its grid tie
    f64 export_w
    f64 f_solar       # decided: share of the available solar power used
    f64 f_discharge
    f64 f_charge
    f64 f_genset
    f64 grid_plan_w   # decided: what the tie should carry, + import
    f64 short_w       # demand that nothing can serve

cdef class Plant:
    cdef GridTable grid
    cdef SourceTable source
    cdef GensetTable genset
    cdef StoreTable store
    cdef BlockTable block
    cdef BoardTable board
    cdef RowTable row
    cdef LoopTable loop
    cdef AuxTable aux
    cdef RuleTable rule
    cdef TierTable tier
    cdef IslandTable loss
    cdef SiteTable site
    cdef LedgerTable ledger
    cdef BusTable bus
    cdef BranchTable branch
    cdef readonly Grid network
    cdef readonly Queue queue
    cdef object keep               # arrays whose memory the pointers below use
    cdef u8* arena
    cdef f64* values               # the arena as float64s, for channels and guards
    cdef i64 state_first, state_bytes
    cdef u8* undo                  # copy of the state region and the network's state
    cdef i64 out_first, out_bytes
    cdef u8* undo_out              # copy of the out region, for a step that is only tried
    cdef readonly i64 now_ms, grid_ms, start_fine_ms
    cdef readonly i64 fine_step_ms, fine_end_ms, fine_close_ms
    cdef i64 step_open_ms          # start of the step the queue has been opened for, -1 when none is open
    cdef i64 queue_floor_ms        # guards may not fire before this: the queue's events up to it were seen
    cdef const float* weather
    cdef i64 weather_first_min, weather_rows, weather_width
    cdef float see_row[1024]
    cdef f64 ocv_v[64]
    cdef f64* mean_w               # [N_CLASS * n_row] mean job power of the step
    cdef f64* row_work             # [6 * n_row]
    cdef f64* bus_w                # [n_bus] active power into each bus
    cdef f64* bus_var
    cdef Island island[MAX_ISLAND]
    cdef i32 n_island
    cdef f64 tolerance
    cdef f64 quiet_k_s
    cdef i64 n_channel, n_minute, n_fine
    cdef i64 n_span
    cdef Span* span                # runs of channels, in the order of their places
    cdef i32* channel_of           # [n_channel] that order -> the channel's number
    cdef i64* channel_at
    cdef f64* channel_scale
    cdef i32* minute_of
    cdef u8* minute_mean
    cdef i32* fine_of
    cdef float* value_now          # [n_channel]
    cdef float* hour_sum
    cdef float* hour_min
    cdef float* hour_max
    cdef f64* minute_sum
    cdef f64 hour_s, minute_s
    cdef float* hour_out
    cdef i64* hour_t
    cdef float* minute_out
    cdef i64* minute_t
    cdef float* fine_out
    cdef i64* fine_t
    cdef i64 hour_cap, minute_cap, fine_cap
    cdef readonly i64 hours, minutes, fines
    cdef i64 n_guard
    cdef i64* guard_at
    cdef f64* guard_limit
    cdef f64* guard_reset
    cdef f64* guard_sign
    cdef Span* guard_span
    cdef i64 kind_span[4]          # guards, and so their spans, stand in order of their kind: STATE, ALGEBRAIC, SOFT
    cdef i64 n_violated
    cdef i32* violated_at          # [n_violated] the guards that are beyond their limit
    cdef u8* violated
    cdef i32* fired
    cdef f64* fired_value
    cdef readonly i64 n_fired
    cdef readonly int status
    cdef readonly i64 failed_at
    cdef readonly object accumulators, minute_accumulators, violations, fired_now, fired_values, weather_keep
    cdef f64 rate_k_s              # fastest coolant or die temperature of the last step

    cdef void* hold(self, array) except? NULL
    cdef i64 next_line(self, i64 until) noexcept nogil
    cdef int advance_to(self, i64 until, bint exact) noexcept nogil
    cdef int look(self, i64 te, i64 until) noexcept nogil
    cdef int run_queue(self, i64 te) noexcept nogil
    cdef int run_queue_past(self, i64 te) noexcept nogil
    cdef void save_step(self) noexcept nogil
    cdef void undo_state(self) noexcept nogil
    cdef void do_part(self, int what, i64 turn, f64 h_s) noexcept nogil
    cdef void undo_step(self) noexcept nogil
    cdef int try_step(self, i64 te) noexcept nogil
    cdef int step(self, i64 te) noexcept nogil
    cdef int stop_at_job(self, i64 te) noexcept nogil
    cdef int find_crossing(self, i64 te, i64 limit, i64 seen) noexcept nogil
    cdef int mark_fired(self) noexcept nogil
    cdef int see(self, i64 te) noexcept nogil
    cdef void read_weather(self, i64 t0, i64 t1) noexcept nogil
    cdef void rows_demand(self) noexcept nogil
    cdef void demand(self, f64 h_s) noexcept nogil
    cdef void tally(self) noexcept nogil
    cdef void share(self, Island* k, f64 loss_w, bint main) noexcept nogil
    cdef i32 main_island(self) noexcept nogil
    cdef void share_all(self) noexcept nogil
    cdef void allot(self, f64 h_s) noexcept nogil
    cdef void relieve(self, f64 h_s) noexcept nogil
    cdef bint cap_jobs(self, f64 short_w) noexcept nogil
    cdef void cut_rows(self, i32 k, f64 short_w) noexcept nogil
    cdef bint holds_grid(self, i32 island) noexcept nogil
    cdef void inject(self) noexcept nogil
    cdef void share_reactive(self) noexcept nogil
    cdef int flow(self, f64 h_s) noexcept nogil
    cdef void blame(self, int status) noexcept nogil
    cdef int unbalanced(self) noexcept nogil
    cdef bint settle(self, bint last) noexcept nogil
    cdef void carry(self, i32 k, i32 bus, f64 extra_w) noexcept nogil
    cdef void network_results(self) noexcept nogil
    cdef void march(self, f64 h_s) noexcept nogil
    cdef void roll_up(self, f64 h_s) noexcept nogil
    cdef void roll_up_blocks(self) noexcept nogil
    cdef f64 frequency(self, f64 battery_w, f64 able_w) noexcept nogil
    cdef int audit(self, f64 h_s) noexcept nogil
    cdef void book(self, f64 h_s) noexcept nogil
    cdef int watch(self, u8 kind) noexcept nogil
    cdef void rearm(self) noexcept nogil
    cdef void commit(self, i64 te) noexcept nogil
    cdef void tell_queue(self) noexcept nogil
    cdef void record(self, i64 te, f64 h_s) noexcept nogil
    cdef void close_minute(self, i64 t0) noexcept nogil
    cdef void close_hour(self, i64 t0) noexcept nogil
