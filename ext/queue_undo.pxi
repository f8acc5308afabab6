# Pages that a step changes, and sets of small integers as bits (included by queue.pyx).

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
