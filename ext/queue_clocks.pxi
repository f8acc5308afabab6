# The work and power clocks of the classes, and the heaps of what ends on them (included by queue.pyx).

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
