# Reservations that name racks: EASY and conservative backfilling as Batsim's (included by queue.pyx).
#
# Counting GPUs says that enough will be free; a reservation by identity says which. Racks are taken from the lowest
# index up and a job never moves, so a job waits although enough GPUs are free at every instant, if they are not the
# same ones all along. Semantics: Batsim, batsched's easy_bf and conservative_bf (Dutot, Mercier, Poquet, Richard,
# JSSPP 2016). A rack is a vector element of GPUs that are all alike; with one GPU a rack these are Batsim's machines.

cdef inline bint profiled(Queue q) noexcept nogil:
    return q.backfill == EASY or q.backfill == EASY_IDENTITY


cdef void place_lowest(Queue q, i32 slot, const u8* room) noexcept nogil:
    """Give a job the first GPUs by rack index, no more of a rack than `room` has (NULL: than are free)."""
    cdef i32 left = q.job[slot].size, gpus
    cdef i64 i_rack = 0
    while left > 0:
        gpus = q.rack[i_rack].free if q.rack[i_rack].off == 0 else 0
        if room != NULL and room[i_rack] < gpus:
            gpus = room[i_rack]
        if left < gpus:
            gpus = left
        if gpus > 0:
            take(q, slot, i_rack, gpus)
            left -= gpus
        i_rack += 1


cdef void free_now(Queue q, u8* room) noexcept nogil:
    """How many GPUs each rack has to give now."""
    cdef i64 i
    for i in range(q.n_rack):
        room[i] = <u8>q.rack[i].free if q.rack[i].off == 0 else 0


cdef void add_nodes(Queue q, u8* room, i32 slot, i32 sign) noexcept nogil:
    """Add a running job's GPUs to the racks that are in service, or take them away."""
    cdef i32 i_node = q.job[slot].node
    cdef Node* node
    while i_node >= 0:
        node = &q.node[i_node]
        if q.rack[node.rack].off == 0:
            room[node.rack] = <u8>(room[node.rack] + sign * node.gpus)
        i_node = node.next


# EASY: one reservation, for the head -----------------------------------------------------------------------------------

cdef void reserve_racks(Queue q) noexcept nogil:
    """Fill `spare` with the GPUs of each rack at the shadow time that the head, from the lowest index, does not need."""
    cdef i64 k = 0, i_rack = 0, need = q.item[q.head].size
    cdef i32 x, gpus
    cdef Slice* s
    free_now(q, q.spare)
    while k < q.n_block:
        s = &q.slice_[<i64>q.block[k].id * BLOCK]
        for x in range(q.block[k].n):
            if s[x].end_ms > q.shadow_ms:
                k = q.n_block
                break
            add_nodes(q, q.spare, s[x].slot, 1)
        k += 1
    while need > 0 and i_rack < q.n_rack:
        gpus = q.spare[i_rack] if q.spare[i_rack] < need else <i32>need
        q.spare[i_rack] -= <u8>gpus
        need -= gpus
        i_rack += 1


cdef i64 room_past_shadow(Queue q) noexcept nogil:
    """Fill `room` with what each rack has now and can lend beyond the shadow time; the sum."""
    cdef i64 i, total = 0
    free_now(q, q.room)
    for i in range(q.n_rack):
        if q.spare[i] < q.room[i]:
            q.room[i] = q.spare[i]
        total += q.room[i]
    return total


cdef bint starts_behind_head(Queue q, Item item) noexcept nogil:
    """Start a job if it ends by the shadow time, or on racks that the head's reservation does not name."""
    if item.size > q.gpus_free:
        return False
    if q.now_ms + item.est_ms <= q.shadow_ms:
        start(q, item, NULL)
        return True
    if q.shadow_ms == NEVER_MS or item.size > room_past_shadow(q):
        return False
    start(q, item, q.room)
    add_nodes(q, q.spare, item.slot, -1)
    return True


cdef void backfill_identity(Queue q) noexcept nogil:
    """Start jobs behind the head, in order, that leave its reservation alone."""
    cdef i64 i = q.head + 1 + q.tested, kept = i, stop_at = q.tail
    if q.tail - q.head - 1 > q.depth:
        stop_at = q.head + 1 + q.depth
    if i < stop_at and q.gpus_free > 0:
        reserve_racks(q)
    while i < stop_at and q.gpus_free > 0:
        if not starts_behind_head(q, q.item[i]):
            touch(q, T_ITEM, kept)
            q.item[kept] = q.item[i]
            kept += 1
        i += 1
    q.tested = kept - q.head - 1
    dequeue_gap(q, kept, i)


# Conservative: a reservation for every job ----------------------------------------------------------------------------

cdef void drop_plan(Queue q, i32 slot) noexcept nogil:
    """Forget the reservation of a job, if it has one."""
    cdef i32 row = q.job[slot].plan
    if row < 0:
        return
    touch(q, T_JOB, slot)
    touch(q, T_PLAN, row)
    (<i32*>(q.plan + row * q.plan_row))[0] = <i32>q.plan_free
    q.plan_free = row
    q.job[slot].plan = -1


cdef u8* new_plan(Queue q, i32 slot, i64 t_ms) noexcept nogil:
    """A row for the racks that a job is to have from t_ms on, all zero."""
    cdef i32 row = <i32>q.plan_free
    if row >= 0:
        q.plan_free = (<i32*>(q.plan + row * q.plan_row))[0]
    else:
        row = <i32>q.plan_hi
        q.plan_hi += 1
    touch(q, T_PLAN, row)
    touch(q, T_JOB, slot)
    q.job[slot].plan, q.job[slot].plan_ms = row, t_ms
    memset(q.plan + row * q.plan_row, 0, q.plan_row)
    return <u8*>(q.plan + row * q.plan_row)


cdef inline u8* room_at(Queue q, i64 k) noexcept nogil:
    return q.timeline + q.phase[k].row * q.n_rack


cdef i64 phase_from(Queue q, i64 t_ms) noexcept nogil:
    """The phase that begins at t_ms, made by a cut where there is none."""
    cdef i64 low = 0, high = q.n_phase, mid
    while low < high:
        mid = (low + high) >> 1
        if q.phase[mid].t_ms < t_ms:
            low = mid + 1
        else:
            high = mid
    if low < q.n_phase and q.phase[low].t_ms == t_ms:
        return low
    memmove(&q.phase[low + 1], &q.phase[low], (q.n_phase - low) * sizeof(Phase))
    q.phase[low].t_ms, q.phase[low].row = t_ms, q.n_phase
    q.n_phase += 1
    memcpy(room_at(q, low), room_at(q, low - 1), q.n_rack)
    return low


cdef void hold(Queue q, const u8* gpus, i64 from_ms, i64 to_ms, i32 sign) noexcept nogil:
    """Take GPUs out of the timeline over [from_ms, to_ms), or with sign 1 put them back."""
    cdef i64 first = phase_from(q, from_ms), stop_at = phase_from(q, to_ms), k, i
    cdef u8* room
    for k in range(first, stop_at):
        room = room_at(q, k)
        for i in range(q.n_rack):
            room[i] = <u8>(room[i] + sign * gpus[i])


cdef inline i64 span_ms(i64 est_ms) noexcept nogil:
    """How long a reservation holds: no shorter than the clock can tell."""
    return est_ms if est_ms > 0 else 1


cdef int by_end(const void* a, const void* b) noexcept nogil:
    cdef i64 x = (<const Pair*>a).id, y = (<const Pair*>b).id
    return (x > y) - (x < y)


cdef i64 list_ends(Queue q) noexcept nogil:
    """The running jobs by expected end into `scratch`; how many."""
    cdef i64 n = 0
    cdef i32 slot
    for slot in range(<i32>q.slot_hi):
        if q.job[slot].state == S_RUNNING:
            q.scratch[n].id, q.scratch[n].slot = q.job[slot].est_end_ms, slot
            n += 1
    qsort(q.scratch, n, sizeof(Pair), by_end)
    return n


cdef bint plans_broken(Queue q) noexcept nogil:
    """Whether a job runs past its estimate, or should have started: then the reservations hold no more."""
    cdef i64 i
    cdef Job* job
    if q.replan:
        return True
    for i in range(q.slot_hi):
        job = &q.job[i]
        if job.state == S_RUNNING and job.est_end_ms <= q.now_ms and job.left > 0:
            return True
        if job.state == S_QUEUED and job.plan >= 0 and job.plan_ms < q.now_ms:
            return True
    return False


cdef void lay_timeline(Queue q) noexcept nogil:
    """What every rack has free from now on: phases that part where a running or a planned job begins or ends.

    A job past its estimate is believed to end at the next millisecond.
    """
    cdef i64 n = list_ends(q), x, t_ms, i
    cdef Job* job
    q.n_phase = 1
    q.phase[0].t_ms, q.phase[0].row = q.now_ms, 0
    free_now(q, q.timeline)
    for x in range(n):
        t_ms = q.scratch[x].id if q.scratch[x].id > q.now_ms else q.now_ms + 1
        add_nodes(q, room_at(q, phase_from(q, t_ms)), <i32>q.scratch[x].slot, 1)
    for i in range(q.head, q.tail):
        job = &q.job[q.item[i].slot]
        if job.plan >= 0:
            hold(q, <u8*>(q.plan + job.plan * q.plan_row), job.plan_ms, job.plan_ms + span_ms(q.item[i].est_ms), -1)


cdef i64 least_room(Queue q, u8* least, const u8* other) noexcept nogil:
    """Lower `least` to the other where that is lower; the sum."""
    cdef i64 i, total = 0
    for i in range(q.n_rack):
        least[i] = other[i] if other[i] < least[i] else least[i]
    for i in range(q.n_rack):
        total += least[i]
    return total


cdef i64 first_fit(Queue q, Item item) noexcept nogil:
    """The first phase from which one set of racks is free throughout, and in `room` what they have; -1: none."""
    cdef i64 k = 0, j, end_ms, total
    while k < q.n_phase:
        memset(q.room, 255, q.n_rack)
        end_ms = q.phase[k].t_ms + span_ms(item.est_ms)
        j = k
        total = least_room(q, q.room, room_at(q, k))
        while total >= item.size and j + 1 < q.n_phase and q.phase[j + 1].t_ms < end_ms:
            j += 1
            total = least_room(q, q.room, room_at(q, j))
        if total >= item.size:
            return k
        k += 1
    return -1


cdef bint start_or_plan(Queue q, Item item) noexcept nogil:
    """Start a job if its first fit is now, else reserve racks for it there."""
    cdef i64 k = first_fit(q, item), t_ms, end_ms, left = item.size, i
    cdef u8* gpus
    if k < 0:
        return False                            # not before racks come back
    t_ms = q.phase[k].t_ms
    end_ms = t_ms + span_ms(item.est_ms)
    gpus = new_plan(q, item.slot, t_ms)
    for i in range(q.n_rack):
        gpus[i] = q.room[i] if q.room[i] < left else <u8>left
        left -= gpus[i]
    hold(q, gpus, t_ms, end_ms, -1)
    if k > 0:
        return False
    start(q, item, gpus)
    drop_plan(q, item.slot)
    return True


cdef void plan_ahead(Queue q) noexcept nogil:
    """Give newcomers their reservations; where something was freed, move all forward one by one, in order."""
    cdef i64 i, kept, stop_at = q.tail
    cdef Job* job
    if plans_broken(q):
        for i in range(q.head, q.tail):
            drop_plan(q, q.item[i].slot)
        q.reserved = q.replan = 0
    i = kept = q.head + (q.tested if q.reserved else 0)
    if q.tail - q.head - 1 > q.depth:
        stop_at = q.head + 1 + q.depth
    if i < stop_at:
        lay_timeline(q)
    while i < stop_at:
        job = &q.job[q.item[i].slot]
        if job.plan >= 0:
            hold(q, <u8*>(q.plan + job.plan * q.plan_row), job.plan_ms, job.plan_ms + span_ms(q.item[i].est_ms), 1)
            drop_plan(q, q.item[i].slot)
        if not start_or_plan(q, q.item[i]):
            touch(q, T_ITEM, kept)
            q.item[kept] = q.item[i]
            kept += 1
        i += 1
    q.tested = kept - q.head
    q.reserved = 1
    dequeue_gap(q, kept, i)
