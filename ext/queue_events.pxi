# The events of one millisecond in their order, then one scheduling pass (included by queue.pyx).

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
            start(q, item, NULL)
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
    if q.backfill == CONSERVATIVE:
        plan_ahead(q)
        return
    if not (q.reserved and q.now_ms <= q.shadow_ms):
        while q.n_queued and q.item[q.head].size <= q.gpus_free:
            start(q, q.item[q.head], NULL)
            q.head += 1
        q.reserved = q.n_queued > 0 and q.backfill != NO_BACKFILL
        q.tested = 0
        q.shadow_ms = NEVER_MS
        if q.reserved and profiled(q):
            reserve(q, q.item[q.head].size)
    if q.reserved and q.backfill == EASY_IDENTITY:
        backfill_identity(q)
    elif q.reserved:
        backfill(q)
