"""The job queue: what another kernel may call, and every row it keeps.

Times are integer ms (``NEVER`` = nothing), work and energy clocks integers in 1/1024 ms, power integer W held in
doubles (sums of integers below 2^53 are exact, so neither order nor cutting changes a bit).
"""

from .types cimport i8, i32, i64, u8
from libc.stdint cimport uint64_t

ctypedef uint64_t u64

cdef enum:
    N_TIER = 4
    N_CLASS = 8             # class = tier, + N_TIER while one of the job's groups is throttled
    N_CLOCK = 9             # the classes, then the rack faults
    N_TABLE = 25

cdef struct Table:          # rows that save() can undo: a page is copied before its first change after a save
    char* data
    char* kept              # pages as they were at the save, at the same offsets
    i32* stamp              # per page: the epoch it was kept for
    i32* dirty              # pages kept in this epoch
    i64 n_dirty
    i64 row                 # bytes a row
    i64 shift               # a page is 1 << shift rows
    i64 cap                 # rows

cdef struct Job:
    i64 id
    i64 submit_ms
    i64 run_ms              # work at full speed
    i64 est_ms              # what the scheduler believes: the request, else the run
    i64 checkpoint_ms       # work between checkpoints; 0: none
    i64 start_ms            # first start; -1 before
    i64 since_ms            # start of the present attempt or of the present wait
    i64 left                # work left at since_ms, 1/1024 ms
    i64 key                 # running: reading of the class's work clock at which it ends
    i64 energy              # integral of the power share over earlier attempts, 1/1024 ms
    i64 mark                # running: reading of the class's power clock that `energy` goes to
    i64 wall_ms             # time on GPUs in earlier attempts
    i64 wait_ms             # time in the queue in earlier waits
    i64 lost                # GPU-ms spent on work that was lost
    i64 rank                # 0, or -1 - (last requeue): requeued jobs stand first, the latest before the others
    i64 est_end_ms          # running: when the scheduler expects it to end
    i32 size                # GPUs
    i32 watts               # W per GPU at full power
    i32 node                # first of its allocation; -1: none
    i32 ver                 # heap entries of another version are stale
    i32 restarts
    i32 group               # first group of its last allocation; -1: never ran
    i32 throttled           # nodes of its allocation on throttled groups
    i32 next                # the next fed job, or the next free slot
    i32 cause               # of the last loss or of the end; 0: none
    i32 plan                # row of its reservation by racks; -1: none
    i64 plan_ms             # when that begins
    i8 tier
    i8 cls
    i8 state
    u8 watch

cdef struct Node:           # GPUs of one job on one rack
    i32 rack
    i32 gpus
    i32 slot
    i32 next                # of the same job, or the next free node
    i32 after               # of the same rack
    i32 before

cdef struct Rack:
    i32 free                # GPUs
    i32 node                # first
    i32 faults              # overlapping faults
    i32 off                 # reasons to take no jobs, bits; 0: available

cdef struct Item:           # a waiting job
    i64 est_ms              # of what is left of it
    i32 slot
    i32 size

cdef struct Entry:          # of a heap
    i64 key
    i64 aux                 # class: version and slot; faults: kind and rack

cdef struct Slice:          # a running job in the order of expected ends
    i64 end_ms
    i32 slot
    i32 gpus                # that come back into service then

cdef struct Block:          # up to 64 slices that stand together
    i64 last_end_ms
    i64 gpus
    i32 last_slot
    i32 n
    i32 id                  # which storage it uses; rows past the last block hold the free ones
    i32 pad

cdef struct Record:         # a job that ended
    i64 id
    i64 submit_ms
    i64 start_ms
    i64 end_ms
    i64 wait_ms
    i64 energy              # 1/1024 ms of full power
    i64 gpu_ms
    i64 lost_gpu_ms
    i32 size
    i32 watts
    i32 restarts
    i32 group
    i32 cause
    i32 state

cdef struct Sighting:       # of a watched job
    i64 t_ms
    i64 id
    i64 what

cdef struct Phase:          # of the timeline of conservative backfilling: what is free from t_ms to the next
    i64 t_ms
    i64 row

cdef struct Pair:
    i64 id
    i64 slot

cdef struct Clock:          # of a class: readings at t_ms and the rates since
    i64 t_ms
    i64 work                # 1/1024 ms
    i64 speed
    i64 energy
    i64 power
    i64 n                   # heap entries
    i64 due_ms              # of the first

cdef class Queue:
    # Every integer that a step changes, side by side: save() copies from the first to the last as one block.
    cdef readonly i64 now_ms, step_ms
    cdef readonly i64 n_running, n_queued
    cdef readonly i64 gpus_used, gpus_online, gpus_free
    cdef readonly i64 submitted, started, finished, failed, killed, rejected, requeued, passes
    cdef readonly i64 gpu_ms_allocated, gpu_ms_finished, gpu_ms_lost, job_ms_queued
    cdef i64 slot_hi, slot_free, n_slot             # rows ever used, first free one, in use
    cdef i64 fed_head, fed_tail, next_submit_ms
    cdef i64 head, tail                             # the waiting jobs are item[head:tail]
    cdef i64 node_hi, node_free
    cdef i64 n_block
    cdef i64 reserved, shadow_ms, extra, tested     # the last pass holds still; its reservation; jobs it turned down
    cdef i64 pass_due
    cdef i64 plan_hi, plan_free, replan             # rows of reservations; all of them have to be made anew
    cdef i64 n_record, n_sighting, n_watched
    cdef i64 last_id, last_submit_ms                # fed

    cdef readonly i64 gpus_total
    cdef readonly i64 n_rack, n_group, gpus_per_rack, depth
    cdef readonly bint requeue
    cdef int order, backfill
    cdef i64 n_leaf, n_word, n_leaf_free, free_base  # shape of the bit sets
    cdef bint tracking
    cdef i32 epoch
    cdef Clock clock[N_CLOCK]
    cdef Clock kept_clock[N_CLOCK]
    cdef char* kept_block
    cdef Table table[N_TABLE]
    cdef i32* rack_group
    cdef i32* group_start                           # racks of group g: group_rack[group_start[g]:group_start[g + 1]]
    cdef i32* group_rack
    cdef u8* throttled                              # per group (a table: a step may change it)

    cdef double* load_w                             # [N_CLASS * n_group] W drawn now at full power, class-major
    cdef double* load_dev                           # [N_CLASS * n_group] W ms; mean over [step_ms, t1) is
                                                    # load_w - load_dev / (t1 - step_ms)
    cdef u8* dev_used                               # per page of load_dev: may hold something but 0
    cdef Job* job
    cdef Node* node
    cdef Rack* rack
    cdef u64* bits
    cdef Item* item
    cdef Slice* slice_
    cdef Block* block
    cdef Record* record
    cdef Sighting* sighting
    cdef Pair* scratch
    cdef char* plan                                 # [plan_hi, plan_row] GPUs of each rack that a waiting job is to have
    cdef i64 plan_row
    cdef Phase* phase                               # scratch of one pass, as are the next four
    cdef u8* timeline                               # [n_phase, n_rack] GPUs free
    cdef i64 n_phase
    cdef u8* room                                   # [n_rack] GPUs that a job may take
    cdef u8* spare                                  # [n_rack] GPUs at the shadow time that the head does not need

    cpdef void begin_step(self, i64 t0) noexcept nogil
    cpdef int run_until(self, i64 t1) noexcept nogil
    cpdef void save(self) noexcept nogil
    cpdef int load(self) noexcept nogil             # BAD_INPUT where there is nothing to go back to
    cpdef int set_class(self, int c, i64 speed_1024, i64 power_1024) noexcept nogil  # BAD_INPUT: no such class, rate
    cpdef i64 next_due(self) noexcept nogil
    cdef int lose(self, int group, int cause) noexcept nogil        # how many jobs it hit
    cdef void throttle(self, int group, bint on) noexcept nogil
    cdef void online(self, int group, bint on) noexcept nogil
    cdef int _grow(self, int table, i64 rows) except -1
    cdef int _make_room(self, i64 n_job, i64 n_watch) except -1
    cdef i64 _find(self, i64 job) except -1
