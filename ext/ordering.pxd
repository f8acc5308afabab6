"""Elimination order of a symmetric sparsity pattern: minimum degree, ties by first come. Header only.

Everything here runs when the topology changes, never in a step. The order depends on the edges given and on nothing
else, so equal switch states give equal bits.
"""

from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from .types cimport i32

cdef struct IntList:
    i32* at      # sorted, without repeats
    i32 n        # entries in use
    i32 room     # entries that have room
    i32 own      # 1: ``at`` was allocated for this list alone; 0: it is part of a larger block


cdef struct DegreeQueue:
    # Doubly linked lists of nodes of equal degree, first in first out. -1 ends a list.
    i32* head
    i32* tail
    i32* after
    i32* before


cdef inline int grow(IntList* items, i32 room) noexcept nogil:
    """Make room for at least ``room`` entries; 0, or -1 when memory is out."""
    cdef i32* at
    if room <= items.room:
        return 0
    room = max(room, 2 * items.room, 4)
    at = <i32*> realloc(items.at if items.own else NULL, room * sizeof(i32))
    if at == NULL:
        return -1
    if not items.own:
        memcpy(at, items.at, items.n * sizeof(i32))
    items.at = at
    items.room = room
    items.own = 1
    return 0


cdef inline i32* give_room(i32 n, IntList* lists, const i32* a, const i32* b, i32 n_edge) noexcept nogil:
    """One block for the lists of n nodes: as many entries as edges end there, and two for fill. NULL: memory is out.

    Lists that outgrow their part take memory of their own; the caller frees the block and those.
    """
    cdef i32* block = <i32*> malloc((2 * <size_t> n_edge + 2 * <size_t> n + 1) * sizeof(i32))
    cdef i32 k, at = 0
    if block == NULL:
        return NULL
    for k in range(n):
        lists[k].room = 2
    for k in range(n_edge):
        lists[a[k]].room += 1
        lists[b[k]].room += 1
    for k in range(n):
        lists[k].at = block + at
        at += lists[k].room
    return block


cdef inline int insert(IntList* items, i32 value) noexcept nogil:
    """Put ``value`` into a sorted list unless it is there already; 0, or -1 when memory is out."""
    cdef i32 k = items.n
    while k > 0 and items.at[k - 1] > value:
        k -= 1
    if k > 0 and items.at[k - 1] == value:
        return 0
    if grow(items, items.n + 1) != 0:
        return -1
    cdef i32 j = items.n
    while j > k:
        items.at[j] = items.at[j - 1]
        j -= 1
    items.at[k] = value
    items.n += 1
    return 0


cdef inline int absorb(IntList* items, IntList* others, i32 gone, i32 own, IntList* scratch) noexcept nogil:
    """items = (items ∪ others) without ``gone`` and ``own``: what elimination of ``gone`` does to its neighbour."""
    cdef i32 a = 0, b = 0, value
    scratch.n = 0
    if grow(scratch, items.n + others.n) != 0:
        return -1
    while a < items.n or b < others.n:
        if b >= others.n or (a < items.n and items.at[a] < others.at[b]):
            value = items.at[a]
            a += 1
        else:
            value = others.at[b]
            if a < items.n and items.at[a] == value:
                a += 1
            b += 1
        if value != gone and value != own:
            scratch.at[scratch.n] = value
            scratch.n += 1
    if grow(items, scratch.n) != 0:
        return -1
    memcpy(items.at, scratch.at, scratch.n * sizeof(i32))
    items.n = scratch.n
    return 0


cdef inline void push(DegreeQueue* queue, i32 node, i32 degree) noexcept nogil:
    cdef i32 last = queue.tail[degree]
    queue.before[node] = last
    queue.after[node] = -1
    if last < 0:
        queue.head[degree] = node
    else:
        queue.after[last] = node
    queue.tail[degree] = node


cdef inline void unlink(DegreeQueue* queue, i32 node, i32 degree) noexcept nogil:
    cdef i32 before = queue.before[node], after = queue.after[node]
    if before < 0:
        queue.head[degree] = after
    else:
        queue.after[before] = after
    if after < 0:
        queue.tail[degree] = before
    else:
        queue.before[after] = before


cdef inline int eliminate_all(i32 n, IntList* adjacent, DegreeQueue* queue, i32* order,
                              IntList* scratch) noexcept nogil:
    """Fill ``order``; ``adjacent[v]`` ends as v's neighbours at the moment it was eliminated."""
    cdef i32 k, v, u, j, degree, least = 0
    for v in range(n):
        push(queue, v, adjacent[v].n)
    for k in range(n):
        while queue.head[least] < 0:
            least += 1
        v = queue.head[least]
        unlink(queue, v, least)
        order[k] = v
        for j in range(adjacent[v].n):
            u = adjacent[v].at[j]
            degree = adjacent[u].n
            if absorb(&adjacent[u], &adjacent[v], v, u, scratch) != 0:
                return -1
            if adjacent[u].n != degree:
                unlink(queue, u, degree)
                push(queue, u, adjacent[u].n)
                least = min(least, adjacent[u].n)
    return 0


cdef inline int minimum_degree(i32 n, IntList* adjacent, i32* order) noexcept nogil:
    """Elimination order of n nodes; 0, or -1 when memory is out. ``adjacent`` is consumed, see eliminate_all."""
    cdef DegreeQueue queue
    cdef IntList scratch
    cdef i32* memory = <i32*> malloc((4 * <size_t> n + 4) * sizeof(i32))
    cdef int status
    cdef i32 k
    if memory == NULL:
        return -1
    scratch.at = NULL
    scratch.n = scratch.room = 0
    scratch.own = 1
    queue.head = memory
    queue.tail = memory + (n + 1)
    queue.after = memory + 2 * (n + 1)
    queue.before = memory + 3 * (n + 1)
    for k in range(2 * (n + 1)):
        memory[k] = -1
    status = eliminate_all(n, adjacent, &queue, order, &scratch)
    free(scratch.at)
    free(memory)
    return status


cdef inline i32 find_root(i32* parent, i32 k) noexcept nogil:
    """Root of k in a union-find forest, halving the path on the way."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


cdef inline void unite(i32* parent, i32 a, i32 b) noexcept nogil:
    """Join the sets of a and b under the lower root, so that a set is named by its lowest member."""
    a = find_root(parent, a)
    b = find_root(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


cdef inline i32 find_entry(const i32* ptr, const i32* idx, i32 row, i32 column) noexcept nogil:
    """Position of the entry (row, column), row < column, in the elimination pattern; it must be there."""
    cdef i32 low = ptr[row], high = ptr[row + 1] - 1, middle
    while low < high:
        middle = (low + high) >> 1
        if idx[middle] < column:
            low = middle + 1
        else:
            high = middle
    return low
