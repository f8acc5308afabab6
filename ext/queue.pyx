# cython: nonecheck=False
# A check for None needs the interpreter lock; only methods of a queue hand it to the functions here.
"""The job queue of the site: gangs of GPUs on racks, FCFS, SJF or LJF with first-fit, EASY or conservative backfill.

Time moves from event to event in exact integer milliseconds. At one millisecond: completions by job id, rack
repairs, rack faults, submissions by row, then one scheduling pass. Scheduling counts GPUs, so a pass never fails
on fragmentation; placement prefers one rack (the fullest that fits), then whole racks in index order. The backfills
by identity (``easy-identity``, ``conservative``) name racks instead, from the lowest index up, and may wait for them.

**Clocks.** Each class has a work clock and a power clock. A job ends at a reading of its class's work clock, so a cap
that slows a class is O(1), whatever runs. A job whose class changes carries its remaining work over.

**Undo.** ``save()`` opens an epoch; from then on ``touch()`` copies a page of a table before its first change, and
``load()`` puts the pages back. A row is written only after it has been touched, or beyond the counted rows.

**Reservation.** EASY as in Mu'alem and Feitelson, IEEE TPDS 12(6), 2001: the shadow time is when the head job can
start if the running jobs end as expected; whatever else is free then is extra. All jobs expected to end by the shadow
time count. While nothing is freed the reservation stands, and a pass looks only at jobs it has not turned down yet.
"""

import json
import zlib

import numpy as np

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy, memmove, memset

from .types cimport BAD_INPUT, FULL, OK

cdef extern from *:
    """
    #include <stdint.h>
    static inline int twin_lowest(uint64_t x) { return __builtin_ctzll(x); }
    static inline int twin_highest(uint64_t x) { return 63 - __builtin_clzll(x); }
    """
    int lowest_bit "twin_lowest"(u64) noexcept nogil
    int highest_bit "twin_highest"(u64) noexcept nogil

cdef enum:
    ONE = 1024              # full speed, full power
    FAULTS = 8              # the clock and heap of the rack faults
    MAX_RATE = 8192         # eightfold: the clocks of a century stay far below 2^63
    BLOCK = 64              # slices in a block of the profile
    STOPPED = 1             # run_until: at a watched job's event

cdef enum:                  # tables
    T_JOB, T_NODE, T_RACK, T_BITS, T_ITEM, T_SLICE, T_BLOCK, T_LOAD, T_DEV, T_GROUP
    T_RECORD, T_SIGHTING, T_SCRATCH, T_PLAN, T_PHASE, T_TIMELINE
    T_HEAP                  # and the eight after it

cdef enum:                  # Job.state, in the order of STATES
    S_FREE, S_FED, S_QUEUED, S_RUNNING, S_FINISHED, S_FAILED, S_KILLED, S_REJECTED

cdef enum:
    FCFS, SJF, LJF

cdef enum:
    NO_BACKFILL, FIRST_FIT, EASY, EASY_IDENTITY, CONSERVATIVE

cdef enum:                  # Rack.off
    OUT_OF_SERVICE = 1
    GROUP_OFFLINE = 2
    FAULTED = 4

cdef enum:                  # Sighting.what, in the order of SIGHTINGS
    W_SUBMIT, W_START, W_END, W_REQUEUE

cdef i64 NEVER_MS = 0x7FFFFFFFFFFFFFFF
cdef i64 REPAIR = 0
cdef i64 FAULT = 1LL << 32  # Entry.aux of a fault is kind + rack: repairs come first

NEVER = NEVER_MS
N_CLASSES = N_CLASS
STATES = ("free", "fed", "queued", "running", "finished", "failed", "killed", "rejected")
QUEUED, RUNNING, FINISHED, FAILED, KILLED, REJECTED = S_QUEUED, S_RUNNING, S_FINISHED, S_FAILED, S_KILLED, S_REJECTED
SIGHTINGS = ("submit", "start", "end", "requeue")
CAUSE_NONE, CAUSE_RACK_FAULT, CAUSE_CANCELLED, CAUSE_FAILED = 0, 1, 2, 3
ORDERS = {"fcfs": FCFS, "sjf": SJF, "ljf": LJF}
BACKFILLS = {"none": NO_BACKFILL, "firstfit": FIRST_FIT, "easy": EASY, "easy-identity": EASY_IDENTITY, "conservative": CONSERVATIVE}
MAX_MS = 1 << 50
"""Largest time or duration: the work clocks count 1/1024 ms in 63 bits."""
SAVED_TABLES = (T_RACK, T_NODE, T_JOB, T_ITEM, T_LOAD, T_DEV, T_GROUP, T_RECORD, T_SIGHTING, T_PLAN, T_HEAP + FAULTS)
MAGIC = b"twinq\x00\x00\x02"
RECORD = np.dtype([
    *((name, np.int64) for name in ("id", "submit_ms", "start_ms", "end_ms", "wait_ms")),
    *((name, np.int64) for name in ("energy", "gpu_ms", "lost_gpu_ms")),
    *((name, np.int32) for name in ("size", "watts", "restarts", "group", "cause", "state")),
])


include "queue_undo.pxi"
include "queue_racks.pxi"
include "queue_clocks.pxi"
include "queue_profile.pxi"
include "queue_jobs.pxi"
include "queue_reservations.pxi"
include "queue_events.pxi"


# The class --------------------------------------------------------------------------------------------------------

cdef void* reallocated(void* memory, i64 size) except NULL:
    cdef void* moved = realloc(memory, size)
    if moved == NULL:
        raise MemoryError(f"the queue cannot reserve {size} bytes")
    return moved


cdef i32 new_slot(Queue q) noexcept nogil:
    """A row for a job, last in the list of fed jobs. Rows keep their version over all jobs that use them."""
    cdef i32 slot = <i32>q.slot_free
    cdef Job* job
    cdef i32 ver = 0
    if slot >= 0:
        q.slot_free = q.job[slot].next
        ver = q.job[slot].ver
    else:
        slot = <i32>q.slot_hi
        q.slot_hi += 1
    job = &q.job[slot]
    memset(job, 0, sizeof(Job))
    job.ver, job.state = ver, S_FED
    job.start_ms = job.node = job.group = job.next = job.plan = -1
    if q.fed_tail >= 0:
        q.job[q.fed_tail].next = slot
    else:
        q.fed_head = slot
    q.fed_tail = slot
    q.n_slot += 1
    return slot


def _column(name, values, dtype, low, high):
    """The values as a contiguous array of that type; ValueError where one is no integer or out of range."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iub" and array.size):
        raise ValueError(f"{name}: expected one row of integers, got {array.dtype} of shape {array.shape}")
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        row = int(np.argmax((array < low) | (array > high)))
        raise ValueError(f"{name}[{row}] = {array[row]}: expected {low} to {high}")
    return np.ascontiguousarray(array, dtype)


def _check_order(submit_ms, ids, last_submit_ms, last_id):
    """Raise ValueError unless (submit_ms, id) rises from the last fed job on."""
    before = np.concatenate(([last_submit_ms], submit_ms[: len(ids) - 1]))
    id_before = np.concatenate(([last_id], ids[: len(ids) - 1]))
    wrong = (submit_ms < before) | ((submit_ms == before) & (ids <= id_before))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"row {row}: job {ids[row]} at {submit_ms[row]} ms after job {id_before[row]} at {before[row]} ms; "
            "feed jobs sorted by (submit_ms, id)"
        )


cdef records_of(Record* records, i64 n):
    return np.frombuffer(PyBytes_FromStringAndSize(<char*>records, n * sizeof(Record)), RECORD)


def _columns(rows):
    """The rows of a record array as a dict of columns."""
    # P·t is split so that every product stays an exact integer below 2^63: t = seconds and a rest.
    power_w = rows["size"].astype(np.int64) * rows["watts"]
    full_s, rest = np.divmod(rows["energy"], ONE * 1000)
    energy_j = (power_w * full_s).astype(np.float64) + (power_w * rest) / (ONE * 1000.0)
    names = ("id", "submit_ms", "start_ms", "end_ms", "size", "state", "restarts", "wait_ms", "gpu_ms", "lost_gpu_ms")
    columns = {name: rows[name].copy() for name in (*names, "group", "cause")}
    columns["energy_j"] = energy_j
    return columns


@cython.final
cdef class Queue:
    """Jobs, racks and the scheduler between them. Every change is at ``now_ms``; only ``run_until`` moves it.

    ``rack_group``: int32 (n_rack,), the group of each rack, 0 .. n_group - 1. ``depth``: how many places behind the
    head a backfill pass looks. ``requeue``: what becomes of jobs that lose GPUs.
    Raise ValueError for an unknown order or backfill, or groups out of range.
    """

    def __cinit__(
        self, *, rack_group, gpus_per_rack, n_group, order="fcfs", backfill="none", depth=200, requeue=True
    ):
        cdef const i32[::1] groups = _column("rack_group", rack_group, np.int32, 0, n_group - 1)
        cdef i64 i
        if order not in ORDERS or backfill not in BACKFILLS:
            expected = f"expected {list(ORDERS)} and {list(BACKFILLS)}"
            raise ValueError(f"order {order!r} and backfill {backfill!r}: {expected}")
        if not (len(groups) >= 1 and gpus_per_rack >= 1 and depth >= 0):
            got = f"{len(groups)} racks of {gpus_per_rack} GPUs, depth {depth}"
            raise ValueError(f"{got}: expected at least 1, 1 and 0")
        self.n_rack, self.n_group, self.gpus_per_rack, self.depth = len(groups), n_group, gpus_per_rack, depth
        self.order, self.backfill, self.requeue = ORDERS[order], BACKFILLS[backfill], requeue
        self.gpus_total = self.gpus_free = self.gpus_online = self.n_rack * self.gpus_per_rack
        if self.backfill >= EASY_IDENTITY and gpus_per_rack > 255:
            raise ValueError(f"{gpus_per_rack} GPUs a rack: reservations by identity count up to 255")
        if self.gpus_total > 0x7FFFFFFF // BLOCK:
            raise ValueError(f"{self.gpus_total} GPUs: the tables hold {0x7FFFFFFF // BLOCK}")
        self.slot_free = self.fed_head = self.fed_tail = self.node_free = -1
        self.last_submit_ms = self.last_id = self.plan_free = -1
        self.next_submit_ms = NEVER_MS
        self._lay_out()
        self._list_groups(groups)
        for i in range(N_CLOCK):
            self.clock[i].speed = self.clock[i].power = ONE
            self.clock[i].due_ms = NEVER_MS
        for i in range(self.n_rack):
            self.rack[i].free, self.rack[i].node = <i32>self.gpus_per_rack, -1
            bucket_add(self, i, self.gpus_per_rack)

    def __dealloc__(self):
        cdef int i
        for i in range(N_TABLE):
            free(self.table[i].data)
            free(self.table[i].kept)
            free(self.table[i].stamp)
            free(self.table[i].dirty)
        free(self.rack_group)
        free(self.group_start)
        free(self.group_rack)
        free(self.kept_block)
        free(self.dev_used)
        free(self.room)

    def _lay_out(self):
        """Give every table its row, its page and its first rows."""
        cdef int i
        cdef i64 n_bucket = self.gpus_per_rack + 1
        self.n_leaf = (self.n_rack + 63) // 64
        self.n_word = self.n_leaf + (self.n_leaf + 63) // 64
        self.n_leaf_free = (n_bucket + 63) // 64
        self.free_base = n_bucket * self.n_word
        self.kept_block = <char*>malloc(block_bytes(self))
        self.plan_row = (self.n_rack + 7) // 8 * 8
        self.room = <u8*>reallocated(NULL, 2 * self.plan_row)
        self.spare = self.room + self.plan_row
        for i, row, shift, n in (
            (T_JOB, sizeof(Job), 0, 0), (T_NODE, sizeof(Node), 3, self.gpus_total),
            (T_RACK, sizeof(Rack), 4, self.n_rack),
            (T_BITS, sizeof(u64), 4, self.free_base + self.n_leaf_free + (self.n_leaf_free + 63) // 64),
            (T_ITEM, sizeof(Item), 5, 0), (T_SLICE, sizeof(Slice), 6, 0), (T_BLOCK, sizeof(Block), 4, 0),
            (T_LOAD, sizeof(double), 4, N_CLASS * self.n_group), (T_DEV, sizeof(double), 5, N_CLASS * self.n_group),
            (T_GROUP, 1, 6, self.n_group),
            (T_RECORD, sizeof(Record), 0, 0), (T_SIGHTING, sizeof(Sighting), 0, 64), (T_SCRATCH, sizeof(Pair), 0, 0),
            (T_PLAN, self.plan_row, 0, 0), (T_PHASE, sizeof(Phase), 0, 0), (T_TIMELINE, self.n_rack, 0, 0),
            *((T_HEAP + c, sizeof(Entry), 4, 0) for c in range(N_CLOCK)),
        ):
            self.table[i].row, self.table[i].shift = row, shift
            self._grow(i, n)
        memset(self.table[T_RACK].data, 0, self.n_rack * sizeof(Rack))
        memset(self.table[T_BITS].data, 0, self.table[T_BITS].cap * sizeof(u64))
        memset(self.table[T_LOAD].data, 0, self.table[T_LOAD].cap * sizeof(double))
        memset(self.table[T_DEV].data, 0, self.table[T_DEV].cap * sizeof(double))
        memset(self.table[T_GROUP].data, 0, self.table[T_GROUP].cap)
        self.dev_used = <u8*>calloc(self.table[T_DEV].cap >> self.table[T_DEV].shift, 1)
        self._make_room(64, 0)

    def _list_groups(self, const i32[::1] groups):
        """Keep the group of each rack and the racks of each group."""
        cdef i64 i
        cdef const i32[::1] by_group = np.argsort(groups, kind="stable").astype(np.int32)
        cdef const i32[::1] starts = np.searchsorted(np.sort(groups), np.arange(self.n_group + 1)).astype(np.int32)
        self.rack_group = <i32*>malloc(self.n_rack * sizeof(i32))
        self.group_rack = <i32*>malloc(self.n_rack * sizeof(i32))
        self.group_start = <i32*>malloc((self.n_group + 1) * sizeof(i32))
        if not (self.rack_group and self.group_rack and self.group_start and self.kept_block and self.dev_used):
            raise MemoryError
        for i in range(self.n_rack):
            self.rack_group[i], self.group_rack[i] = groups[i], by_group[i]
        for i in range(self.n_group + 1):
            self.group_start[i] = starts[i]

    cdef int _grow(self, int table, i64 rows) except -1:
        """Let a table hold so many rows. Memory is only reserved: what is never written costs nothing."""
        cdef Table* t = &self.table[table]
        cdef i64 n_page = (rows >> t.shift) + 1, cap = n_page << t.shift, n_old = t.cap >> t.shift, i
        if rows <= t.cap and t.data:
            return 0
        t.data = <char*>reallocated(t.data, cap * t.row)
        if table not in (T_RECORD, T_SIGHTING, T_SCRATCH, T_PHASE, T_TIMELINE):
            t.kept = <char*>reallocated(t.kept, cap * t.row)
            t.stamp = <i32*>reallocated(t.stamp, n_page * sizeof(i32))
            t.dirty = <i32*>reallocated(t.dirty, n_page * sizeof(i32))
            memset(&t.stamp[n_old], 0, (n_page - n_old) * sizeof(i32))
        if table == T_BLOCK:
            for i in range(t.cap, cap):
                (<Block*>t.data)[i].id = <i32>i
        t.cap = cap
        self._point()
        return 0

    def _point(self):
        """Aim the typed pointers at the tables."""
        self.job = <Job*>self.table[T_JOB].data
        self.node = <Node*>self.table[T_NODE].data
        self.rack = <Rack*>self.table[T_RACK].data
        self.bits = <u64*>self.table[T_BITS].data
        self.item = <Item*>self.table[T_ITEM].data
        self.slice_ = <Slice*>self.table[T_SLICE].data
        self.block = <Block*>self.table[T_BLOCK].data
        self.load_w = <double*>self.table[T_LOAD].data
        self.load_dev = <double*>self.table[T_DEV].data
        self.throttled = <u8*>self.table[T_GROUP].data
        self.record = <Record*>self.table[T_RECORD].data
        self.sighting = <Sighting*>self.table[T_SIGHTING].data
        self.scratch = <Pair*>self.table[T_SCRATCH].data
        self.plan = self.table[T_PLAN].data
        self.phase = <Phase*>self.table[T_PHASE].data
        self.timeline = <u8*>self.table[T_TIMELINE].data

    cdef int _make_room(self, i64 n_job, i64 n_watch) except -1:
        """Grow the tables so that nothing can overflow inside a step while so many more jobs are there."""
        cdef i64 slots = self.n_slot + n_job, running, c
        if slots > self.table[T_JOB].cap:
            slots = max(slots, 2 * self.table[T_JOB].cap)
            running = min(slots, self.gpus_total)
            self._grow(T_JOB, slots)
            self._grow(T_ITEM, 2 * slots + 64)
            recentre(self)
            self._grow(T_SCRATCH, slots)
            if self.backfill == CONSERVATIVE:       # a phase for every start and end, and for every cut of a pass
                self._grow(T_PLAN, slots)
                self._grow(T_PHASE, 5 * slots + 8)
                self._grow(T_TIMELINE, 5 * slots + 8)
            # Stale entries wait in a heap until it is full; neighbouring blocks hold more than half a block together.
            for c in range(N_CLASS):
                self._grow(T_HEAP + c, running + running // 4 + 64)
            self._grow(T_BLOCK, 4 * running // BLOCK + 4)
            self._grow(T_SLICE, self.table[T_BLOCK].cap * BLOCK)
        if self.n_record + self.n_slot + n_job > self.table[T_RECORD].cap:
            self._grow(T_RECORD, max(self.n_record + self.n_slot + n_job, 2 * self.table[T_RECORD].cap))
        self._grow(T_SIGHTING, self.n_sighting + 32 * (self.n_watched + n_watch) + 64)
        return 0

    # Called by the plant, inside its step --------------------------------------------------------------------------

    cpdef void begin_step(self, i64 t0) noexcept nogil:
        """Open a step of the plant: load_dev counts from here."""
        cdef i64 shift = self.table[T_DEV].shift, page
        for page in range(self.table[T_DEV].cap >> shift):
            if self.dev_used[page]:
                touch(self, T_DEV, page << shift)
                memset(&self.load_dev[page << shift], 0, sizeof(double) << shift)
                self.dev_used[page] = 0
        self.step_ms = t0

    cpdef i64 next_due(self) noexcept nogil:
        """When the next thing happens that is known now; NEVER where nothing is."""
        cdef i64 t_ms = self.next_submit_ms
        cdef int c
        if self.pass_due:
            return self.now_ms
        for c in range(N_CLOCK):
            if self.clock[c].due_ms < t_ms:
                t_ms = self.clock[c].due_ms
        return t_ms

    cpdef int run_until(self, i64 t1) noexcept nogil:
        """Process everything up to and including t1; 0: reached, 1: stopped at a watched job's event, 7: drain first.

        With t1 = NEVER the clock stays at the last event.
        """
        cdef i64 n_sighting = self.n_sighting, t_ms
        # At one millisecond a watched job is sighted 4 times at most, and once more by each of lose, cancel and fail.
        if self.n_watched and n_sighting + 8 * self.n_watched > self.table[T_SIGHTING].cap:
            return FULL
        while True:
            t_ms = self.next_due()
            if self.n_sighting > n_sighting and t_ms > self.now_ms:
                return STOPPED
            if t_ms > t1 or t_ms == NEVER_MS:
                break
            move_clock(self, t_ms)
            complete(self)
            repair_and_fault(self)
            submit(self)
            if self.pass_due:
                schedule(self)
        if t1 != NEVER_MS and t1 > self.now_ms:
            move_clock(self, t1)
        return OK

    cpdef void save(self) noexcept nogil:
        """Remember everything as it is now, in place of what was remembered before."""
        cdef int i
        self.epoch += 1
        self.tracking = True
        for i in range(N_TABLE):
            self.table[i].n_dirty = 0
        memcpy(self.kept_block, &self.now_ms, block_bytes(self))
        memcpy(self.kept_clock, self.clock, sizeof(self.clock))

    cpdef int load(self) noexcept nogil:
        """Go back to the last save(), any number of times; 5 (bad input) where feeding or draining came between."""
        cdef int i
        cdef i64 x, size
        cdef Table* t
        if not self.tracking:
            return BAD_INPUT
        for i in range(N_TABLE):
            t = &self.table[i]
            size = t.row << t.shift
            for x in range(t.n_dirty):
                memcpy(t.data + t.dirty[x] * size, t.kept + t.dirty[x] * size, size)
        for x in range(self.table[T_DEV].n_dirty):
            self.dev_used[self.table[T_DEV].dirty[x]] = 1
        memcpy(&self.now_ms, self.kept_block, block_bytes(self))
        memcpy(self.clock, self.kept_clock, sizeof(self.clock))
        return OK

    cpdef int set_class(self, int c, i64 speed_1024, i64 power_1024) noexcept nogil:
        """Set the speed and power share of a class from now on, both in 1/1024; 5 (bad input) where there is none."""
        cdef Clock* clock
        if not (0 <= c < N_CLASS and 0 <= speed_1024 <= MAX_RATE and 0 <= power_1024 <= MAX_RATE):
            return BAD_INPUT
        clock = &self.clock[c]
        clock.work, clock.energy, clock.t_ms = work_at(self, c), energy_at(self, c), self.now_ms
        clock.speed, clock.power = speed_1024, power_1024
        find_due(self, c)
        return OK

    cdef int lose(self, int group, int cause) noexcept nogil:
        """All jobs on a group lose it; how many. Their ids stand in `scratch`."""
        cdef i64 n = 0, i
        for i in range(self.group_start[group], self.group_start[group + 1]):
            n = note_jobs(self, n, self.group_rack[i], True)
        lose_noted(self, n, S_KILLED, cause)
        return <int>n

    cdef void throttle(self, int group, bint on) noexcept nogil:
        """Throttle a group or lift it; jobs that touch it change class."""
        cdef i64 i
        cdef i32 i_node, slot
        cdef Job* job
        if self.throttled[group] == on:
            return
        touch(self, T_GROUP, group)
        self.throttled[group] = on
        for i in range(self.group_start[group], self.group_start[group + 1]):
            i_node = self.rack[self.group_rack[i]].node
            while i_node >= 0:
                slot = self.node[i_node].slot
                job = &self.job[slot]
                touch(self, T_JOB, slot)
                job.throttled += 1 if on else -1
                if job.cls != job.tier + (N_TIER if job.throttled else 0):
                    change_class(self, slot, job.tier + (N_TIER if job.throttled else 0))
                i_node = self.node[i_node].after

    cdef void online(self, int group, bint on) noexcept nogil:
        """Let a group take jobs, or no new ones."""
        cdef i64 i
        for i in range(self.group_start[group], self.group_start[group + 1]):
            set_off(self, self.group_rack[i], GROUP_OFFLINE, not on)

    # Called from Python, between steps -----------------------------------------------------------------------------

    def run_to(self, i64 t_ms):
        """Process everything up to and including t_ms: True, or False where a watched job's event stopped it before.

        Raise ValueError for a time in the past and RuntimeError where ``take_watched`` has to be called first.
        """
        if t_ms < self.now_ms:
            raise ValueError(f"cannot go back from {self.now_ms} ms to {t_ms} ms")
        status = self.run_until(t_ms)
        if status == FULL:
            raise RuntimeError(f"the log of watched jobs is full at {self.now_ms} ms: call take_watched()")
        return status == OK

    def feed(self, ids, submit_ms, size, run_ms, request_ms, tier, watts_per_gpu, checkpoint_ms, watch):
        """Append future submissions: arrays of one length, sorted by (submit_ms, id), after all that were fed before.

        ``request_ms`` below 0: unknown, the run is believed. ``checkpoint_ms`` 0: a lost job starts from scratch.
        ``tier`` 0 .. 3. Raise ValueError and take nothing where a column is out of range or out of order.
        """
        cdef const i64[::1] ids_ = _column("ids", ids, np.int64, 0, (1 << 62))
        cdef const i64[::1] submits = _column("submit_ms", submit_ms, np.int64, self.now_ms, MAX_MS)
        cdef const i32[::1] sizes = _column("size", size, np.int32, 1, 0x7FFFFFFF)
        cdef const i64[::1] runs = _column("run_ms", run_ms, np.int64, 0, MAX_MS)
        cdef const i64[::1] requests = _column("request_ms", request_ms, np.int64, -MAX_MS, MAX_MS)
        cdef const i8[::1] tiers = _column("tier", tier, np.int8, 0, N_TIER - 1)
        cdef const i32[::1] watts = _column("watts_per_gpu", watts_per_gpu, np.int32, 0, 0x7FFFFFFF)
        cdef const i64[::1] checkpoints = _column("checkpoint_ms", checkpoint_ms, np.int64, 0, MAX_MS)
        cdef const u8[::1] watches = _column("watch", watch, np.uint8, 0, 1)
        cdef i64 i, n = len(ids_)
        cdef i32 slot
        cdef Job* job
        lengths = [n, *map(len, (submits, sizes, runs, requests, tiers, watts, checkpoints, watches))]
        if len(set(lengths)) > 1:
            raise ValueError(f"the columns have different lengths: {lengths}")
        if n == 0:
            return
        _check_order(np.asarray(submits), np.asarray(ids_), self.last_submit_ms, self.last_id)
        self.tracking = False
        self._make_room(n, np.count_nonzero(watches))
        for i in range(n):
            slot = new_slot(self)
            job = &self.job[slot]
            job.id, job.submit_ms, job.size, job.run_ms = ids_[i], submits[i], sizes[i], runs[i]
            job.est_ms = requests[i] if requests[i] >= 0 else runs[i]
            job.tier, job.watts, job.checkpoint_ms, job.watch = tiers[i], watts[i], checkpoints[i], watches[i]
            job.left = runs[i] * ONE
            self.n_watched += watches[i]
        self.last_submit_ms, self.last_id = submits[n - 1], ids_[n - 1]
        self.next_submit_ms = self.job[self.fed_head].submit_ms

    def feed_faults(self, rack, down_ms, up_ms):
        """Append rack faults: at ``down_ms`` the jobs on the rack lose it, and it takes none until ``up_ms``.

        Faults may overlap and come in any order. Raise ValueError for a rack that is not there, a fault in the past or
        one that does not last.
        """
        cdef const i64[::1] racks = _column("rack", rack, np.int64, 0, self.n_rack - 1)
        cdef const i64[::1] downs = _column("down_ms", down_ms, np.int64, self.now_ms, MAX_MS)
        cdef const i64[::1] ups = _column("up_ms", up_ms, np.int64, self.now_ms, MAX_MS)
        cdef i64 i, n = len(racks)
        if len(downs) != n or len(ups) != n or (np.asarray(ups) <= np.asarray(downs)).any():
            raise ValueError(f"{n} faults: expected as many down_ms and up_ms, each up_ms after its down_ms")
        self.tracking = False
        self._grow(T_HEAP + FAULTS, self.clock[FAULTS].n + 2 * n)
        for i in range(n):
            push(self, FAULTS, downs[i], FAULT + racks[i])
            push(self, FAULTS, ups[i], REPAIR + racks[i])

    def lose_group(self, group, cause):
        """All jobs with GPUs in a group lose them now: they are requeued at their last checkpoint, or killed.

        Return their ids, ascending. What is free is given to others only in the next ``run_until``.
        """
        cdef i64 n = self.lose(self._group(group), cause)
        rows = PyBytes_FromStringAndSize(<char*>self.scratch, n * sizeof(Pair))
        return np.frombuffer(rows, np.int64)[::2].copy()

    def throttle_group(self, group, on):
        """Move the jobs that touch a group to the throttled classes, or back; jobs placed on it later as well."""
        self.throttle(self._group(group), on)

    def set_group_online(self, group, on):
        """Let the racks of a group take jobs, or no new ones."""
        self.online(self._group(group), on)

    def set_racks_in_service(self, racks, on):
        """Put racks into service or take them out; what runs on them goes on."""
        cdef i64 i_rack
        for i_rack in _column("racks", racks, np.int64, 0, self.n_rack - 1):
            set_off(self, i_rack, OUT_OF_SERVICE, not on)

    def cancel(self, job):
        """End a waiting or running job as killed. Raise KeyError where there is none of that id."""
        self._end_now(job, S_KILLED, CAUSE_CANCELLED)

    def fail(self, job):
        """End a waiting or running job as failed. Raise KeyError where there is none of that id."""
        self._end_now(job, S_FAILED, CAUSE_FAILED)

    def take_watched(self):
        """What happened to watched jobs since the last call: tuples (t_ms, id, what), ``what`` from ``SIGHTINGS``."""
        cdef i64 i
        cdef Sighting* s
        seen = []
        for i in range(self.n_sighting):
            s = &self.sighting[i]
            seen.append((s.t_ms, s.id, SIGHTINGS[s.what]))
        self.tracking = False
        self.n_sighting = 0
        self._make_room(0, 0)
        return seen

    def drain(self):
        """Columns of the jobs that ended since the last call, in the order of their ends.

        ``id, submit_ms, start_ms`` (first start, -1: never), ``end_ms, size, state`` (a code, see ``STATES``),
        ``restarts, wait_ms`` (all waits), ``gpu_ms`` (allocated), ``lost_gpu_ms`` (spent on work that was lost; all of
        it where the job did not finish), ``group`` (first of the last allocation, -1: none), ``cause, energy_j``.
        """
        rows = records_of(self.record, self.n_record)
        self.tracking = False
        self.n_record = 0
        return _columns(rows)

    def alive(self):
        """The columns of ``drain`` for the jobs that wait or run now, by id; ``end_ms`` is now."""
        cdef i64 n = self.n_queued + self.n_running, i, x = 0
        cdef Record* records = <Record*>reallocated(NULL, (n + 1) * sizeof(Record))
        for i in range(self.slot_hi):
            if self.job[i].state == S_QUEUED or self.job[i].state == S_RUNNING:
                fill_record(self, &self.job[i], &records[x])
                x += 1
        rows = records_of(records, n)
        free(records)
        return _columns(rows[np.argsort(rows["id"], kind="stable")])

    def gpu_ledger(self):
        """GPU-ms: allocated = finished + lost + in_progress, each counted on its own."""
        alive = self.alive()
        return {
            "allocated": self.gpu_ms_allocated,
            "finished": self.gpu_ms_finished,
            "lost": self.gpu_ms_lost,
            "in_progress": int((alive["gpu_ms"] - alive["lost_gpu_ms"]).sum()),
        }

    def loads(self):
        """Copies of load_w (W) and load_dev (W·ms), shape (8, n_group)."""
        cdef i64 n = N_CLASS * self.n_group
        load_w = PyBytes_FromStringAndSize(<char*>self.load_w, n * sizeof(double))
        load_dev = PyBytes_FromStringAndSize(<char*>self.load_dev, n * sizeof(double))
        return tuple(np.frombuffer(x, np.float64).reshape(N_CLASS, self.n_group).copy() for x in (load_w, load_dev))

    # Snapshot ------------------------------------------------------------------------------------------------------

    def snapshot(self, bint watching=True):
        """Everything, as versioned plain data. Heaps, profile and bit sets are rebuilt from the rows.

        Without ``watching`` it does not tell which jobs are watched: it is the same whether anybody looks or not.
        """
        cdef i64 head = self.head, tail = self.tail, n_block = self.n_block
        cdef i64 n_watched = self.n_watched, n_sighting = self.n_sighting
        cdef int c
        for c in range(N_CLASS):
            sweep(self, c)                          # how many stale entries it holds is no fact about it either
        # where the queue stands in its table, and how the profile is cut into blocks, are no facts about it
        self.head, self.tail, self.n_block = 0, tail - head, 0
        if not watching:
            self.n_watched = self.n_sighting = 0
        counters = PyBytes_FromStringAndSize(<char*>&self.now_ms, block_bytes(self))
        self.head, self.tail, self.n_block = head, tail, n_block
        parts = [
            counters,
            PyBytes_FromStringAndSize(<char*>self.clock, sizeof(self.clock)),
            PyBytes_FromStringAndSize(<char*>self.rack_group, self.n_rack * sizeof(i32)),
            *(self._part(i) for i in SAVED_TABLES),
        ]
        self.n_watched, self.n_sighting = n_watched, n_sighting
        if not watching:
            jobs = np.frombuffer(parts[3 + SAVED_TABLES.index(T_JOB)], np.uint8).copy()
            jobs[<char*>&self.job[0].watch - <char*>&self.job[0] :: sizeof(Job)] = 0
            parts[3 + SAVED_TABLES.index(T_JOB)] = jobs.tobytes()
        header = {
            "gpus_per_rack": self.gpus_per_rack, "n_group": self.n_group, "depth": self.depth, "requeue": self.requeue,
            "order": list(ORDERS)[self.order], "backfill": list(BACKFILLS)[self.backfill],
            "sizes": [len(part) for part in parts],
        }
        body = json.dumps(header).encode() + b"\n" + b"".join(parts)
        return MAGIC + zlib.crc32(body).to_bytes(4, "little") + body

    @staticmethod
    def restore(data):
        """The queue of a snapshot. Raise ValueError where it is none, of another version or damaged."""
        body = bytes(data[len(MAGIC) + 4 :])
        if bytes(data[: len(MAGIC)]) != MAGIC:
            raise ValueError("not a snapshot of a queue, or of another version")
        if zlib.crc32(body) != int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "little"):
            raise ValueError("the snapshot of the queue is damaged")
        line, _, raw = body.partition(b"\n")
        header = json.loads(line)
        edges = np.cumsum([0, *header.pop("sizes")])
        parts = [raw[first:stop] for first, stop in zip(edges, edges[1:])]
        queue = Queue(rack_group=np.frombuffer(parts[2], np.int32), **header)
        queue._load_parts(parts)
        queue._rebuild()
        return queue

    def _part(self, int table):
        cdef Table* t = &self.table[table]
        cdef i64 first = self.head if table == T_ITEM else 0
        return PyBytes_FromStringAndSize(t.data + first * t.row, self._count(table) * t.row)

    def _count(self, int table):
        """How many rows of a table are in use."""
        return {
            T_JOB: self.slot_hi, T_NODE: self.node_hi, T_RACK: self.n_rack, T_ITEM: self.tail - self.head,
            T_LOAD: N_CLASS * self.n_group, T_DEV: N_CLASS * self.n_group, T_GROUP: self.n_group,
            T_RECORD: self.n_record, T_SIGHTING: self.n_sighting, T_PLAN: self.plan_hi,
            T_HEAP + FAULTS: self.clock[FAULTS].n,
        }[table]

    def _load_parts(self, parts):
        """Take over the counters and the rows of a snapshot."""
        cdef const char* raw = parts[0]
        cdef i64 first
        memcpy(&self.now_ms, raw, block_bytes(self))
        raw = parts[1]
        memcpy(self.clock, raw, sizeof(self.clock))
        self._make_room(self.slot_hi - self.n_slot, 0)
        recentre(self)
        for table, part in zip(SAVED_TABLES, parts[3:], strict=True):
            self._grow(table, self._count(table))
            if len(part) != self._count(table) * self.table[table].row:
                raise ValueError("the snapshot of the queue is of another layout")
            raw = part
            first = self.head if table == T_ITEM else 0
            memcpy(self.table[table].data + first * self.table[table].row, raw, len(part))

    def _rebuild(self):
        """Make heaps, profile and bit sets from the rows."""
        cdef i64 i
        cdef i32 i_node, slot, gpus
        cdef Job* job
        memset(self.dev_used, 1, self.table[T_DEV].cap >> self.table[T_DEV].shift)
        memset(self.bits, 0, self.table[T_BITS].cap * sizeof(u64))
        for i in range(self.n_rack):
            if self.rack[i].off == 0:
                bucket_add(self, i, self.rack[i].free)
        self.n_block = 0
        for i in range(N_CLASS):
            self.clock[i].n = 0
        for slot in range(self.slot_hi):
            job = &self.job[slot]
            if job.state != S_RUNNING:
                continue
            push(self, job.cls, job.key, (<i64>job.ver << 32) | slot)
            gpus, i_node = 0, job.node
            while i_node >= 0:
                gpus += self.node[i_node].gpus if self.rack[self.node[i_node].rack].off == 0 else 0
                i_node = self.node[i_node].next
            if profiled(self):
                profile_add(self, job.est_end_ms, slot, gpus)

    def _group(self, group):
        if not 0 <= group < self.n_group:
            raise ValueError(f"group {group}: expected 0 to {self.n_group - 1}")
        return group

    cdef i64 _find(self, i64 job) except -1:
        """The row of a waiting or running job."""
        cdef i64 i
        for i in range(self.slot_hi):
            if self.job[i].id == job and (self.job[i].state == S_QUEUED or self.job[i].state == S_RUNNING):
                return i
        raise KeyError(f"no job {job} waits or runs at {self.now_ms} ms")

    def _end_now(self, job, int state, int cause):
        """End a waiting or running job in that state."""
        cdef i32 slot = <i32>self._find(job)
        cdef i64 i = self.head
        touch(self, T_JOB, slot)
        if self.job[slot].state == S_RUNNING:
            stop(self, slot)
        else:
            while self.item[i].slot != slot:
                i += 1
            dequeue_gap(self, i, i + 1)
            drop_plan(self, slot)
            self.job[slot].wait_ms += self.now_ms - self.job[slot].since_ms
            self.n_queued -= 1
            self.reserved, self.pass_due = 0, 1
        end(self, slot, state, cause)
