# cython: nonecheck=False
# A check for None needs the interpreter lock; only methods of a queue hand it to the functions here.
"""The job queue of the site: gangs of GPUs on racks, FCFS, SJF or LJF with EASY or first-fit backfill.

Time moves from event to event in exact integer milliseconds. At one millisecond: completions by job id, rack
repairs, rack faults, submissions by row, then one scheduling pass. Scheduling counts GPUs, so a pass never fails
on fragmentation; placement prefers one rack (the fullest that fits), then whole racks in index order.

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
    T_RECORD, T_SIGHTING, T_SCRATCH
    T_HEAP                  # and the eight after it

cdef enum:                  # Job.state, in the order of STATES
    S_FREE, S_FED, S_QUEUED, S_RUNNING, S_FINISHED, S_FAILED, S_KILLED, S_REJECTED

cdef enum:
    FCFS, SJF, LJF

cdef enum:
    NO_BACKFILL, FIRST_FIT, EASY

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
BACKFILLS = {"none": NO_BACKFILL, "firstfit": FIRST_FIT, "easy": EASY}
MAX_MS = 1 << 50
"""Largest time or duration: the work clocks count 1/1024 ms in 63 bits."""
SAVED_TABLES = (T_RACK, T_NODE, T_JOB, T_ITEM, T_LOAD, T_DEV, T_GROUP, T_RECORD, T_SIGHTING, T_HEAP + FAULTS)
MAGIC = b"twinq\x00\x00\x01"
RECORD = np.dtype([
    *((name, np.int64) for name in ("id", "submit_ms", "start_ms", "end_ms", "wait_ms")),
    *((name, np.int64) for name in ("energy", "gpu_ms", "lost_gpu_ms")),
    *((name, np.int32) for name in ("size", "watts", "restarts", "group", "cause", "state")),
])


# Undo -------------------------------------------------------------------------------------------------------------

cdef void keep_page(Table* t, i64 page, i32 epoch) noexcept nogil:
    cdef i64 size = t.row << t.shift
    memcpy(t.kept + page * size, t.data + page * size, size)
    t.stamp[page] = epoch
    t.dirty[t.n_dirty] = <i32>page
    t.n_dirty += 1


cdef inline void touch(Queue q, int table, i64 row) noexcept nogil:
    """To be called before a row changes."""
    cdef Table* t
    if q.tracking:
        t = &q.table[table]
        if t.stamp[row >> t.shift] != q.epoch:
            keep_page(t, row >> t.shift, q.epoch)


cdef void touch_range(Queue q, int table, i64 first, i64 stop) noexcept nogil:
    cdef Table* t = &q.table[table]
    cdef i64 page
    if not q.tracking or first >= stop:
        return
    for page in range(first >> t.shift, ((stop - 1) >> t.shift) + 1):
        if t.stamp[page] != q.epoch:
            keep_page(t, page, q.epoch)


cdef inline i64 block_bytes(Queue q) noexcept nogil:
    return <char*>&q.last_submit_ms - <char*>&q.now_ms + <i64>sizeof(i64)


# Bit sets: leaf words, then one summary bit a leaf word -----------------------------------------------------------

cdef inline void bit_add(Queue q, i64 base, i64 n_leaf, i64 i) noexcept nogil:
    cdef i64 leaf = base + (i >> 6), summary = base + n_leaf + (i >> 12)
    touch(q, T_BITS, leaf)
    touch(q, T_BITS, summary)
    q.bits[leaf] |= <u64>1 << (i & 63)
    q.bits[summary] |= <u64>1 << ((i >> 6) & 63)


cdef inline void bit_drop(Queue q, i64 base, i64 n_leaf, i64 i) noexcept nogil:
    cdef i64 leaf = base + (i >> 6), summary = base + n_leaf + (i >> 12)
    touch(q, T_BITS, leaf)
    q.bits[leaf] &= ~(<u64>1 << (i & 63))
    if q.bits[leaf] == 0:
        touch(q, T_BITS, summary)
        q.bits[summary] &= ~(<u64>1 << ((i >> 6) & 63))


cdef inline i64 bit_from(Queue q, i64 base, i64 n_leaf, i64 i) noexcept nogil:
    """The first member that is i or more, or -1."""
    cdef i64 leaf = i >> 6, n_summary = (n_leaf + 63) >> 6, s
    cdef u64 word
    if leaf >= n_leaf:
        return -1
    word = q.bits[base + leaf] & (~<u64>0 << (i & 63))
    if word:
        return (leaf << 6) + lowest_bit(word)
    leaf += 1
    s = leaf >> 6
    if s >= n_summary:
        return -1
    word = q.bits[base + n_leaf + s] & (~<u64>0 << (leaf & 63))
    while word == 0:
        s += 1
        if s == n_summary:
            return -1
        word = q.bits[base + n_leaf + s]
    leaf = (s << 6) + lowest_bit(word)
    return (leaf << 6) + lowest_bit(q.bits[base + leaf])


cdef inline i64 bit_last(Queue q, i64 base, i64 n_leaf) noexcept nogil:
    cdef i64 s = ((n_leaf + 63) >> 6) - 1, leaf
    while s >= 0 and q.bits[base + n_leaf + s] == 0:
        s -= 1
    if s < 0:
        return -1
    leaf = (s << 6) + highest_bit(q.bits[base + n_leaf + s])
    return (leaf << 6) + highest_bit(q.bits[base + leaf])


# Racks: bucket f holds the available racks with f free GPUs; one more set, the buckets that are not empty ---

cdef inline void bucket_add(Queue q, i64 rack, i64 n_free) noexcept nogil:
    if n_free == 0:
        return
    bit_add(q, n_free * q.n_word, q.n_leaf, rack)
    bit_add(q, q.free_base, q.n_leaf_free, n_free)


cdef inline void bucket_drop(Queue q, i64 rack, i64 n_free) noexcept nogil:
    cdef i64 base = n_free * q.n_word, s
    if n_free == 0:
        return
    bit_drop(q, base, q.n_leaf, rack)
    for s in range(base + q.n_leaf, base + q.n_word):
        if q.bits[s]:
            return
    bit_drop(q, q.free_base, q.n_leaf_free, n_free)


cdef void take(Queue q, i32 slot, i64 i_rack, i32 gpus) noexcept nogil:
    """Give GPUs of a rack to a job: one node of its allocation."""
    cdef Rack* rack = &q.rack[i_rack]
    cdef Job* job = &q.job[slot]
    cdef Node* node
    cdef i32 i_node
    if q.node_free >= 0:
        i_node = <i32>q.node_free
        q.node_free = q.node[i_node].next
    else:
        i_node = <i32>q.node_hi
        q.node_hi += 1
    if job.node < 0:
        job.group = q.rack_group[i_rack]
    touch(q, T_NODE, i_node)
    touch(q, T_RACK, i_rack)
    node = &q.node[i_node]
    node.rack, node.gpus, node.slot = <i32>i_rack, gpus, slot
    node.next, node.after, node.before = job.node, rack.node, -1
    if rack.node >= 0:
        touch(q, T_NODE, rack.node)
        q.node[rack.node].before = i_node
    job.node = rack.node = i_node
    bucket_drop(q, i_rack, rack.free)
    rack.free -= gpus
    bucket_add(q, i_rack, rack.free)
    q.gpus_free -= gpus
    job.throttled += q.throttled[q.rack_group[i_rack]]


cdef void place(Queue q, i32 slot) noexcept nogil:
    """Find racks for a job that fits: best fit in one, or whole racks by index, then the emptiest.

    The caller has seen that enough GPUs are free and has touched the job.
    """
    cdef i32 left = q.job[slot].size, gpus
    cdef i64 bucket
    while left > 0:
        bucket = bit_from(q, q.free_base, q.n_leaf_free, left if left < q.gpus_per_rack else q.gpus_per_rack)
        if bucket < 0:
            bucket = bit_last(q, q.free_base, q.n_leaf_free)
        gpus = left if left < bucket else <i32>bucket
        take(q, slot, bit_from(q, bucket * q.n_word, q.n_leaf, 0), gpus)
        left -= gpus


cdef void give_back(Queue q, i32 slot) noexcept nogil:
    """Free all nodes of a job's allocation."""
    cdef i32 i_node = q.job[slot].node, last = -1
    cdef Node* node
    cdef Rack* rack
    while i_node >= 0:
        node = &q.node[i_node]
        rack = &q.rack[node.rack]
        touch(q, T_RACK, node.rack)
        if node.before >= 0:
            touch(q, T_NODE, node.before)
            q.node[node.before].after = node.after
        else:
            rack.node = node.after
        if node.after >= 0:
            touch(q, T_NODE, node.after)
            q.node[node.after].before = node.before
        if rack.off == 0:
            bucket_drop(q, node.rack, rack.free)
            bucket_add(q, node.rack, rack.free + node.gpus)
            q.gpus_free += node.gpus
        rack.free += node.gpus
        last = i_node
        i_node = node.next
    touch(q, T_NODE, last)
    q.node[last].next = <i32>q.node_free
    q.node_free = q.job[slot].node
    q.job[slot].node = -1


cdef void set_off(Queue q, i64 i_rack, i32 reason, bint on) noexcept nogil:
    """Add or lift a reason for a rack to take no jobs."""
    cdef Rack* rack = &q.rack[i_rack]
    cdef i32 off = rack.off | reason if on else rack.off & ~reason, i_node
    cdef i32 sign = 1 if off == 0 else -1
    cdef bint changes = (off == 0) != (rack.off == 0)
    touch(q, T_RACK, i_rack)
    rack.off = off
    if not changes:
        return
    if off == 0:
        bucket_add(q, i_rack, rack.free)
    else:
        bucket_drop(q, i_rack, rack.free)
    q.gpus_online += sign * q.gpus_per_rack
    q.gpus_free += sign * rack.free
    i_node = rack.node
    while i_node >= 0:
        profile_adjust(q, &q.job[q.node[i_node].slot], q.node[i_node].slot, sign * q.node[i_node].gpus)
        i_node = q.node[i_node].after
    q.reserved = 0
    q.pass_due = 1


# Loads ------------------------------------------------------------------------------------------------------------

cdef void draw(Queue q, Job* job, double sign) noexcept nogil:
    """Add a job's power to its groups, or take it away, from now on."""
    cdef i64 at
    cdef double since_step_ms = <double>(q.now_ms - q.step_ms), w
    cdef i32 i_node = job.node
    cdef Node* node
    while i_node >= 0:
        node = &q.node[i_node]
        at = job.cls * q.n_group + q.rack_group[node.rack]
        w = sign * node.gpus * job.watts
        touch(q, T_LOAD, at)
        touch(q, T_DEV, at)
        q.dev_used[at >> q.table[T_DEV].shift] = 1
        q.load_w[at] += w
        q.load_dev[at] += w * since_step_ms
        i_node = node.next


# Clocks and heaps -------------------------------------------------------------------------------------------------

cdef inline i64 work_at(Queue q, int c) noexcept nogil:
    return q.clock[c].work + (q.now_ms - q.clock[c].t_ms) * q.clock[c].speed


cdef inline i64 energy_at(Queue q, int c) noexcept nogil:
    return q.clock[c].energy + (q.now_ms - q.clock[c].t_ms) * q.clock[c].power


cdef inline bint sooner(Entry* a, Entry* b) noexcept nogil:
    return a.key < b.key or (a.key == b.key and a.aux < b.aux)


cdef inline bint stale(Queue q, Entry* e) noexcept nogil:
    return q.job[<i32>e.aux].ver != e.aux >> 32


cdef void sift_up(Queue q, int c, i64 i, Entry entry) noexcept nogil:
    cdef Entry* heap = <Entry*>q.table[T_HEAP + c].data
    cdef i64 parent
    while i > 0:
        parent = (i - 1) >> 2
        if not sooner(&entry, &heap[parent]):
            break
        touch(q, T_HEAP + c, i)
        heap[i] = heap[parent]
        i = parent
    touch(q, T_HEAP + c, i)
    heap[i] = entry


cdef void pop(Queue q, int c) noexcept nogil:
    """Remove the first entry of a heap."""
    cdef Entry* heap = <Entry*>q.table[T_HEAP + c].data
    cdef i64 n = q.clock[c].n - 1, i = 0, child, best
    cdef Entry entry = heap[n]
    q.clock[c].n = n
    while 4 * i + 1 < n:
        best = 4 * i + 1
        for child in range(best + 1, best + 4 if best + 4 < n else n):
            if sooner(&heap[child], &heap[best]):
                best = child
        if not sooner(&heap[best], &entry):
            break
        touch(q, T_HEAP + c, i)
        heap[i] = heap[best]
        i = best
    if n > 0:
        touch(q, T_HEAP + c, i)
        heap[i] = entry


cdef void sweep(Queue q, int c) noexcept nogil:
    """Rebuild a full heap without its stale entries."""
    cdef Entry* heap = <Entry*>q.table[T_HEAP + c].data
    cdef i64 n = q.clock[c].n, i
    touch_range(q, T_HEAP + c, 0, n)
    q.clock[c].n = 0
    for i in range(n):
        if not stale(q, &heap[i]):
            sift_up(q, c, q.clock[c].n, heap[i])
            q.clock[c].n += 1


cdef void find_due(Queue q, int c) noexcept nogil:
    """Set when the first entry of a heap is due. It stays true until the heap or the speed changes."""
    cdef Clock* clock = &q.clock[c]
    cdef Entry* heap = <Entry*>q.table[T_HEAP + c].data
    cdef i64 work
    if c == FAULTS:
        clock.due_ms = heap[0].key if clock.n else NEVER_MS
        return
    while clock.n and stale(q, &heap[0]):
        pop(q, c)
    if clock.n == 0:
        clock.due_ms = NEVER_MS
        return
    work = heap[0].key - clock.work
    if work <= (q.now_ms - clock.t_ms) * clock.speed:
        clock.due_ms = q.now_ms
    elif clock.speed == 0:
        clock.due_ms = NEVER_MS
    else:
        clock.due_ms = clock.t_ms + (work + clock.speed - 1) // clock.speed


cdef void push(Queue q, int c, i64 key, i64 aux) noexcept nogil:
    cdef Entry* heap = <Entry*>q.table[T_HEAP + c].data
    cdef Entry entry
    entry.key, entry.aux = key, aux
    if q.clock[c].n == q.table[T_HEAP + c].cap:
        sweep(q, c)
    sift_up(q, c, q.clock[c].n, entry)
    q.clock[c].n += 1
    if heap[0].key == key and heap[0].aux == aux:
        find_due(q, c)


cdef void run_on(Queue q, i32 slot, int cls, i64 left) noexcept nogil:
    """Put a placed job on the clocks of a class, with so much work left."""
    cdef Job* job = &q.job[slot]
    job.cls = <i8>cls
    job.ver += 1
    job.key = work_at(q, cls) + left
    job.mark = energy_at(q, cls)
    draw(q, job, 1.0)
    push(q, cls, job.key, (<i64>job.ver << 32) | slot)


cdef i64 run_off(Queue q, i32 slot) noexcept nogil:
    """Take a job off the clocks of its class; how much work is left."""
    cdef Job* job = &q.job[slot]
    cdef int cls = job.cls
    job.ver += 1
    job.energy += energy_at(q, cls) - job.mark
    draw(q, job, -1.0)
    if q.clock[cls].n and stale(q, <Entry*>q.table[T_HEAP + cls].data):
        find_due(q, cls)
    return job.key - work_at(q, cls)


# The profile: running jobs by expected end, in blocks so that neither a change nor a sum is O(running) ---

cdef i64 find_block(Queue q, i64 end_ms, i32 slot) noexcept nogil:
    """The first block that ends at or after (end_ms, slot)."""
    cdef i64 low = 0, high = q.n_block, mid
    cdef Block* b
    while low < high:
        mid = (low + high) >> 1
        b = &q.block[mid]
        if b.last_end_ms < end_ms or (b.last_end_ms == end_ms and b.last_slot < slot):
            low = mid + 1
        else:
            high = mid
    return low


cdef i64 find_slice(Queue q, Block* b, i64 end_ms, i32 slot) noexcept nogil:
    """Where in its block (end_ms, slot) stands or would stand."""
    cdef Slice* s = &q.slice_[<i64>b.id * BLOCK]
    cdef i64 low = 0, high = b.n, mid
    while low < high:
        mid = (low + high) >> 1
        if s[mid].end_ms < end_ms or (s[mid].end_ms == end_ms and s[mid].slot < slot):
            low = mid + 1
        else:
            high = mid
    return low


cdef void close_block(Queue q, Block* b) noexcept nogil:
    """Note the last slice of a block after a change."""
    cdef Slice* s = &q.slice_[<i64>b.id * BLOCK + b.n - 1]
    b.last_end_ms, b.last_slot = s.end_ms, s.slot


cdef Block* insert_block(Queue q, i64 k) noexcept nogil:
    """Make room for a block before block k."""
    cdef i32 id
    touch_range(q, T_BLOCK, k, q.n_block + 1)
    id = q.block[q.n_block].id
    memmove(&q.block[k + 1], &q.block[k], (q.n_block - k) * sizeof(Block))
    q.n_block += 1
    q.block[k].id, q.block[k].n, q.block[k].gpus = id, 0, 0
    return &q.block[k]


cdef void remove_block(Queue q, i64 k) noexcept nogil:
    cdef i32 id = q.block[k].id
    touch_range(q, T_BLOCK, k, q.n_block)
    q.n_block -= 1
    memmove(&q.block[k], &q.block[k + 1], (q.n_block - k) * sizeof(Block))
    q.block[q.n_block].id = id


cdef void append_slices(Queue q, Block* to, Block* source, i32 first) noexcept nogil:
    """Move the slices from `first` on to the end of another block."""
    cdef Slice* s = &q.slice_[<i64>source.id * BLOCK]
    cdef Slice* t = &q.slice_[<i64>to.id * BLOCK]
    cdef i32 x
    touch(q, T_SLICE, <i64>to.id * BLOCK)
    for x in range(first, source.n):
        t[to.n] = s[x]
        to.n += 1
        to.gpus += s[x].gpus
        source.gpus -= s[x].gpus
    source.n = first
    close_block(q, to)
    if source.n:
        close_block(q, source)


cdef bint merge_blocks(Queue q, i64 k) noexcept nogil:
    """Join blocks k and k + 1 if half a block holds both: so there are never many blocks for few jobs."""
    if k < 0 or k + 1 >= q.n_block or q.block[k].n + q.block[k + 1].n > BLOCK // 2:
        return False
    touch(q, T_BLOCK, k)
    touch(q, T_BLOCK, k + 1)
    append_slices(q, &q.block[k], &q.block[k + 1], 0)
    remove_block(q, k + 1)
    return True


cdef void profile_add(Queue q, i64 end_ms, i32 slot, i32 gpus) noexcept nogil:
    cdef i64 k = find_block(q, end_ms, slot), x
    cdef Block* b
    cdef Slice* s
    if q.n_block == 0:
        insert_block(q, 0)
    elif k == q.n_block:
        k -= 1
    if q.block[k].n == BLOCK:
        insert_block(q, k + 1)
        touch(q, T_BLOCK, k)
        append_slices(q, &q.block[k + 1], &q.block[k], BLOCK // 2)
        if find_block(q, end_ms, slot) > k:
            k += 1
    b = &q.block[k]
    touch(q, T_BLOCK, k)
    touch(q, T_SLICE, <i64>b.id * BLOCK)
    x = find_slice(q, b, end_ms, slot)
    s = &q.slice_[<i64>b.id * BLOCK]
    memmove(&s[x + 1], &s[x], (b.n - x) * sizeof(Slice))
    s[x].end_ms, s[x].slot, s[x].gpus = end_ms, slot, gpus
    b.n += 1
    b.gpus += gpus
    close_block(q, b)


cdef void profile_drop(Queue q, i64 end_ms, i32 slot) noexcept nogil:
    cdef i64 k = find_block(q, end_ms, slot), x
    cdef Block* b = &q.block[k]
    cdef Slice* s = &q.slice_[<i64>b.id * BLOCK]
    touch(q, T_BLOCK, k)
    touch(q, T_SLICE, <i64>b.id * BLOCK)
    x = find_slice(q, b, end_ms, slot)
    b.gpus -= s[x].gpus
    b.n -= 1
    memmove(&s[x], &s[x + 1], (b.n - x) * sizeof(Slice))
    if b.n == 0:
        remove_block(q, k)
        return
    close_block(q, b)
    if not merge_blocks(q, k):
        merge_blocks(q, k - 1)


cdef void profile_adjust(Queue q, Job* job, i32 slot, i32 gpus) noexcept nogil:
    """A rack of a running job goes out of service or comes back: fewer or more GPUs are freed at its end."""
    cdef i64 k
    cdef Block* b
    if q.backfill != EASY:
        return
    k = find_block(q, job.est_end_ms, slot)
    b = &q.block[k]
    touch(q, T_BLOCK, k)
    touch(q, T_SLICE, <i64>b.id * BLOCK)
    b.gpus += gpus
    q.slice_[<i64>b.id * BLOCK + find_slice(q, b, job.est_end_ms, slot)].gpus += gpus


cdef void reserve(Queue q, i64 need) noexcept nogil:
    """Find when `need` GPUs will be free, and how many more by then. An estimate that has passed ends now."""
    cdef i64 free_gpus = q.gpus_free, k = 0, x = 0
    cdef Slice* s
    q.shadow_ms, q.extra = NEVER_MS, 0
    while k < q.n_block and free_gpus + q.block[k].gpus < need:
        free_gpus += q.block[k].gpus
        k += 1
    if k == q.n_block:
        return                                  # not before racks come back
    s = &q.slice_[<i64>q.block[k].id * BLOCK]
    while free_gpus + s[x].gpus < need:
        free_gpus += s[x].gpus
        x += 1
    q.shadow_ms = s[x].end_ms if s[x].end_ms > q.now_ms else q.now_ms
    while k < q.n_block:
        s = &q.slice_[<i64>q.block[k].id * BLOCK]
        while x < q.block[k].n and s[x].end_ms <= q.shadow_ms:
            free_gpus += s[x].gpus
            x += 1
        if x < q.block[k].n:
            break
        k += 1
        x = 0
    q.extra = free_gpus - need


# The queue: item[head:tail] in order, with room at both ends ------------------------------------------------------

cdef void recentre(Queue q) noexcept nogil:
    """Give both ends room again; the table holds twice the jobs there are."""
    cdef i64 n = q.tail - q.head, head = (q.table[T_ITEM].cap - n) // 2
    touch_range(q, T_ITEM, head, head + n)
    memmove(&q.item[head], &q.item[q.head], n * sizeof(Item))
    q.head, q.tail = head, head + n


cdef bint stands_before(Queue q, Job* a, Job* b) noexcept nogil:
    cdef i64 x = a.est_ms, y = b.est_ms
    if a.rank != b.rank:
        return a.rank < b.rank
    if q.order != FCFS and a.rank == 0 and x != y:
        return (x < y) == (q.order == SJF)
    if a.submit_ms != b.submit_ms:
        return a.submit_ms < b.submit_ms
    return a.id < b.id


cdef i64 queue_position(Queue q, Job* job) noexcept nogil:
    cdef i64 low = q.head, high = q.tail, mid
    while low < high:
        mid = (low + high) >> 1
        if stands_before(q, &q.job[q.item[mid].slot], job):
            low = mid + 1
        else:
            high = mid
    return low


cdef void enqueue(Queue q, i32 slot) noexcept nogil:
    cdef Job* job = &q.job[slot]
    cdef i64 at
    if q.tail == q.table[T_ITEM].cap or q.head == 0:
        recentre(q)
    if q.order == FCFS and job.rank == 0:
        at = q.tail
    else:
        at = queue_position(q, job)
        q.reserved = 0
    if at - q.head < q.tail - at:
        touch_range(q, T_ITEM, q.head - 1, at)
        q.head -= 1
        at -= 1
        memmove(&q.item[q.head], &q.item[q.head + 1], (at - q.head) * sizeof(Item))
    else:
        touch_range(q, T_ITEM, at, q.tail + 1)
        memmove(&q.item[at + 1], &q.item[at], (q.tail - at) * sizeof(Item))
        q.tail += 1
    q.item[at].slot, q.item[at].size = slot, job.size
    q.item[at].est_ms = job.est_ms - job.run_ms + job.left // ONE
    job.state = S_QUEUED
    job.since_ms = q.now_ms
    q.n_queued += 1


cdef void dequeue_gap(Queue q, i64 first, i64 stop) noexcept nogil:
    """Close a gap in the queue from its nearer end."""
    if first == stop:
        return
    if first - q.head < q.tail - stop:
        touch_range(q, T_ITEM, q.head, stop)
        memmove(&q.item[q.head + stop - first], &q.item[q.head], (first - q.head) * sizeof(Item))
        q.head += stop - first
    else:
        touch_range(q, T_ITEM, first, q.tail)
        memmove(&q.item[first], &q.item[stop], (q.tail - stop) * sizeof(Item))
        q.tail -= stop - first


# What happens to a job --------------------------------------------------------------------------------------------

cdef inline void sight(Queue q, Job* job, int what) noexcept nogil:
    cdef Sighting* s
    if job.watch:
        s = &q.sighting[q.n_sighting]
        s.t_ms, s.id, s.what = q.now_ms, job.id, what
        q.n_sighting += 1


cdef void start(Queue q, Item item) noexcept nogil:
    """Start a job that fits. The caller takes it out of the queue."""
    cdef i32 slot = item.slot
    cdef Job* job = &q.job[slot]
    touch(q, T_JOB, slot)
    job.throttled = 0
    place(q, slot)
    job.wait_ms += q.now_ms - job.since_ms
    job.since_ms = q.now_ms
    if job.start_ms < 0:
        job.start_ms = q.now_ms
    job.state = S_RUNNING
    job.est_end_ms = q.now_ms + item.est_ms
    run_on(q, slot, job.tier + (N_TIER if job.throttled else 0), job.left)
    if q.backfill == EASY:
        profile_add(q, job.est_end_ms, slot, job.size)
    q.n_queued -= 1
    q.n_running += 1
    q.gpus_used += job.size
    q.started += 1
    sight(q, job, W_START)


cdef i64 stop(Queue q, i32 slot) noexcept nogil:
    """Take a running job off its racks; how much work is left. The caller gives it its next state."""
    cdef Job* job = &q.job[slot]
    cdef i64 left
    touch(q, T_JOB, slot)
    left = run_off(q, slot)
    if q.backfill == EASY:
        profile_drop(q, job.est_end_ms, slot)
    give_back(q, slot)
    job.wall_ms += q.now_ms - job.since_ms
    q.n_running -= 1
    q.gpus_used -= job.size
    q.reserved = 0
    q.pass_due = 1
    return left


cdef void fill_record(Queue q, Job* job, Record* record) noexcept nogil:
    """What is known of a job now."""
    cdef i64 wall_ms = job.wall_ms
    record.id, record.submit_ms, record.start_ms, record.end_ms = job.id, job.submit_ms, job.start_ms, q.now_ms
    record.wait_ms, record.energy, record.lost_gpu_ms = job.wait_ms, job.energy, job.lost
    if job.state == S_RUNNING:
        wall_ms += q.now_ms - job.since_ms
        record.energy += energy_at(q, job.cls) - job.mark
    elif job.state == S_QUEUED:
        record.wait_ms += q.now_ms - job.since_ms
    record.gpu_ms = job.size * wall_ms
    record.size, record.watts, record.restarts, record.group = job.size, job.watts, job.restarts, job.group
    record.cause, record.state = job.cause, job.state


cdef void end(Queue q, i32 slot, int state, int cause) noexcept nogil:
    """Write the record of a job that holds no GPUs any more and free its row."""
    cdef Job* job = &q.job[slot]
    cdef i64 gpu_ms = job.size * job.wall_ms
    job.state = <i8>state
    if cause:
        job.cause = cause
    if state == S_FINISHED:
        q.finished += 1
        q.gpu_ms_finished += gpu_ms - job.lost
    else:
        q.failed += state == S_FAILED
        q.killed += state == S_KILLED
        q.rejected += state == S_REJECTED
        q.gpu_ms_lost += gpu_ms - job.lost
        job.lost = gpu_ms
    fill_record(q, job, &q.record[q.n_record])
    q.n_record += 1
    sight(q, job, W_END)
    q.n_watched -= job.watch
    job.state = S_FREE
    job.ver += 1
    job.next = <i32>q.slot_free
    q.slot_free = slot
    q.n_slot -= 1


cdef void requeue_job(Queue q, i32 slot, i64 left, int cause) noexcept nogil:
    """Put a stopped job back to the head of the queue, at its last checkpoint."""
    cdef Job* job = &q.job[slot]
    cdef i64 work = job.run_ms * ONE, kept = 0, wall_ms = q.now_ms - job.since_ms, lost
    if job.checkpoint_ms:
        kept = work - left
        kept -= kept % (job.checkpoint_ms * ONE)
    # The share of this attempt's time that its lost work took; all of it where it did no work. Exact at full speed.
    lost = wall_ms
    if job.left > left:
        lost = <i64>(<double>wall_ms * (<double>(work - kept - left) / <double>(job.left - left)) + 0.5)
    job.lost += job.size * lost
    q.gpu_ms_lost += job.size * lost
    job.left = work - kept
    job.rank = -1 - q.now_ms
    job.restarts += 1
    job.cause = cause
    q.requeued += 1
    enqueue(q, slot)
    sight(q, job, W_REQUEUE)


cdef void lose_job(Queue q, i32 slot, int state, int cause) noexcept nogil:
    """A running job loses part of its gang: it is requeued, or ends in that state."""
    cdef i64 left = stop(q, slot)
    if q.requeue:
        requeue_job(q, slot, left, cause)
    else:
        end(q, slot, state, cause)


cdef int by_id(const void* a, const void* b) noexcept nogil:
    cdef i64 x = (<const Pair*>a).id, y = (<const Pair*>b).id
    return (x > y) - (x < y)


cdef i64 first_rack_in(Queue q, i32 slot, i32 group) noexcept nogil:
    cdef i32 i_node = q.job[slot].node
    while q.rack_group[q.node[i_node].rack] != group:
        i_node = q.node[i_node].next
    return q.node[i_node].rack


cdef i64 note_jobs(Queue q, i64 n, i64 i_rack, bint whole_group) noexcept nogil:
    """Add the jobs on a rack to the scratch list; for a whole group, each only on the first of its racks there."""
    cdef i32 i_node = q.rack[i_rack].node, slot
    while i_node >= 0:
        slot = q.node[i_node].slot
        if not whole_group or i_rack == first_rack_in(q, slot, q.rack_group[i_rack]):
            q.scratch[n].id, q.scratch[n].slot = q.job[slot].id, slot
            n += 1
        i_node = q.node[i_node].after
    return n


cdef void lose_noted(Queue q, i64 n, int state, int cause) noexcept nogil:
    cdef i64 i
    qsort(q.scratch, n, sizeof(Pair), by_id)
    for i in range(n):
        lose_job(q, <i32>q.scratch[i].slot, state, cause)


cdef void change_class(Queue q, i32 slot, int cls) noexcept nogil:
    cdef i64 left = run_off(q, slot)
    run_on(q, slot, cls, left)


# The events of one millisecond, in their order --------------------------------------------------------------------

cdef void move_clock(Queue q, i64 t_ms) noexcept nogil:
    cdef i64 dt_ms = t_ms - q.now_ms
    q.gpu_ms_allocated += q.gpus_used * dt_ms
    q.job_ms_queued += q.n_queued * dt_ms
    q.now_ms = t_ms


cdef void complete(Queue q) noexcept nogil:
    """End all jobs that are due, by job id."""
    cdef i64 n = 0, i, work
    cdef i32 slot
    cdef int c
    cdef Entry* heap
    for c in range(N_CLASS):
        if q.clock[c].due_ms > q.now_ms:
            continue
        heap = <Entry*>q.table[T_HEAP + c].data
        work = work_at(q, c)
        while q.clock[c].n and (heap[0].key <= work or stale(q, &heap[0])):
            if not stale(q, &heap[0]):
                slot = <i32>heap[0].aux
                q.scratch[n].id, q.scratch[n].slot = q.job[slot].id, slot
                n += 1
            pop(q, c)
        find_due(q, c)
    if n > 1:
        qsort(q.scratch, n, sizeof(Pair), by_id)
    for i in range(n):
        slot = <i32>q.scratch[i].slot
        stop(q, slot)
        end(q, slot, S_FINISHED, 0)


cdef void repair_and_fault(Queue q) noexcept nogil:
    """Rack repairs, then rack faults, by rack."""
    cdef i64 aux, i_rack
    while q.clock[FAULTS].due_ms <= q.now_ms:
        aux = (<Entry*>q.table[T_HEAP + FAULTS].data)[0].aux
        pop(q, FAULTS)
        find_due(q, FAULTS)
        i_rack = <i32>aux
        touch(q, T_RACK, i_rack)
        if aux < FAULT:
            q.rack[i_rack].faults -= 1
            if q.rack[i_rack].faults == 0:
                set_off(q, i_rack, FAULTED, False)
        else:
            lose_noted(q, note_jobs(q, 0, i_rack, False), S_FAILED, 1)   # CAUSE_RACK_FAULT
            q.rack[i_rack].faults += 1
            set_off(q, i_rack, FAULTED, True)


cdef void submit(Queue q) noexcept nogil:
    """Submissions that are due, in the order in which they were fed."""
    cdef i32 slot
    cdef Job* job
    while q.next_submit_ms <= q.now_ms:
        slot = <i32>q.fed_head
        job = &q.job[slot]
        touch(q, T_JOB, slot)
        q.fed_head = job.next
        if q.fed_head < 0:
            q.fed_tail = -1
        q.next_submit_ms = q.job[q.fed_head].submit_ms if q.fed_head >= 0 else NEVER_MS
        q.submitted += 1
        sight(q, job, W_SUBMIT)
        if job.size > q.gpus_total:
            end(q, slot, S_REJECTED, 0)
        else:
            enqueue(q, slot)
            q.pass_due = 1


cdef void backfill(Queue q) noexcept nogil:
    """Start jobs behind the head that fit and do not delay it, up to `depth` places behind it."""
    cdef i64 i = q.head + 1 + q.tested, kept = i, stop_at = q.tail, end_ms
    cdef Item item
    if q.tail - q.head - 1 > q.depth:
        stop_at = q.head + 1 + q.depth
    while i < stop_at and q.gpus_free > 0:
        item = q.item[i]
        end_ms = q.now_ms + item.est_ms
        if item.size <= q.gpus_free and (end_ms <= q.shadow_ms or item.size <= q.extra):
            if end_ms > q.shadow_ms:
                q.extra -= item.size
            start(q, item)
        else:
            if kept != i:
                touch(q, T_ITEM, kept)
                q.item[kept] = item
            kept += 1
        i += 1
    q.tested = kept - q.head - 1
    dequeue_gap(q, kept, i)


cdef void schedule(Queue q) noexcept nogil:
    """One pass: the head of the queue as long as it fits, then backfill behind it."""
    q.passes += 1
    q.pass_due = 0
    if not (q.reserved and q.now_ms <= q.shadow_ms):
        while q.n_queued and q.item[q.head].size <= q.gpus_free:
            start(q, q.item[q.head])
            q.head += 1
        q.reserved = q.n_queued > 0 and q.backfill != NO_BACKFILL
        q.tested = 0
        q.shadow_ms = NEVER_MS
        if q.reserved and q.backfill == EASY:
            reserve(q, q.item[q.head].size)
    if q.reserved:
        backfill(q)


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
    job.start_ms = job.node = job.group = job.next = -1
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
        if self.gpus_total > 0x7FFFFFFF // BLOCK:
            raise ValueError(f"{self.gpus_total} GPUs: the tables hold {0x7FFFFFFF // BLOCK}")
        self.slot_free = self.fed_head = self.fed_tail = self.node_free = self.last_submit_ms = self.last_id = -1
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

    def _lay_out(self):
        """Give every table its row, its page and its first rows."""
        cdef int i
        cdef i64 n_bucket = self.gpus_per_rack + 1
        self.n_leaf = (self.n_rack + 63) // 64
        self.n_word = self.n_leaf + (self.n_leaf + 63) // 64
        self.n_leaf_free = (n_bucket + 63) // 64
        self.free_base = n_bucket * self.n_word
        self.kept_block = <char*>malloc(block_bytes(self))
        for i, row, shift, n in (
            (T_JOB, sizeof(Job), 0, 0), (T_NODE, sizeof(Node), 3, self.gpus_total),
            (T_RACK, sizeof(Rack), 4, self.n_rack),
            (T_BITS, sizeof(u64), 4, self.free_base + self.n_leaf_free + (self.n_leaf_free + 63) // 64),
            (T_ITEM, sizeof(Item), 5, 0), (T_SLICE, sizeof(Slice), 6, 0), (T_BLOCK, sizeof(Block), 4, 0),
            (T_LOAD, sizeof(double), 4, N_CLASS * self.n_group), (T_DEV, sizeof(double), 5, N_CLASS * self.n_group),
            (T_GROUP, 1, 6, self.n_group),
            (T_RECORD, sizeof(Record), 0, 0), (T_SIGHTING, sizeof(Sighting), 0, 64), (T_SCRATCH, sizeof(Pair), 0, 0),
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
        if table not in (T_RECORD, T_SIGHTING, T_SCRATCH):
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
            T_RECORD: self.n_record, T_SIGHTING: self.n_sighting, T_HEAP + FAULTS: self.clock[FAULTS].n,
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
            if self.backfill == EASY:
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
            self.job[slot].wait_ms += self.now_ms - self.job[slot].since_ms
            self.n_queued -= 1
            self.reserved, self.pass_due = 0, 1
        end(self, slot, state, cause)
