# The waiting jobs in order, and what becomes of a job (included by queue.pyx).

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


cdef void start(Queue q, Item item, const u8* room) noexcept nogil:
    """Start a job that fits. The caller takes it out of the queue. ``room`` bounds racks named by identity."""
    cdef i32 slot = item.slot
    cdef Job* job = &q.job[slot]
    touch(q, T_JOB, slot)
    job.throttled = 0
    if q.backfill >= EASY_IDENTITY:
        place_lowest(q, slot, room)
    else:
        place(q, slot)
    job.wait_ms += q.now_ms - job.since_ms
    job.since_ms = q.now_ms
    if job.start_ms < 0:
        job.start_ms = q.now_ms
    job.state = S_RUNNING
    job.est_end_ms = q.now_ms + item.est_ms
    run_on(q, slot, job.tier + (N_TIER if job.throttled else 0), job.left)
    if profiled(q):
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
    if profiled(q):
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
