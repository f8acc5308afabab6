# Running jobs in the order of their expected ends, for EASY's reservation (included by queue.pyx).

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
    if not profiled(q):
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
