# Which rack has how many GPUs free, placement, and what a job draws there (included by queue.pyx).

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
    q.replan = 1                                # reservations may name racks that are gone
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
