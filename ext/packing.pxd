"""Which nodes of one network can be eliminated four at a time. Header only; runs when the topology changes.

Subtrees of the elimination order that look alike (equal halls, rows, feeders) are laid side by side: each node of a
pack has the same children and the same place in its subtree as the other three. Only plain trees are packed: nodes
with at most one neighbour left, constant on both sides, and so all their descendants.
"""

from libc.stdlib cimport qsort
from libc.string cimport memset

from .ordering cimport IntList
from .packs cimport PACK
from .types cimport i8, i32, i64

cdef struct Root:
    # A subtree that waits to be packed with others of its kind.
    i64 shape
    i32 part
    i32 rank     # place in the elimination order: ties go by it
    i32 node

cdef struct Forest:
    # Scratch of find_packs; all arrays by node.
    i32* parent      # neighbour that is eliminated first of those left; -1 none
    i8* plain        # 1 where the node and all its descendants can be packed
    i64* shape       # equal where the subtrees look alike
    i32* height
    i32* first_child # [n + 1]
    i32* child       # children, those of one node in order of (shape, rank)
    i32* rank        # place in the elimination order
    i32* lane_of     # nodes of the packs found, four by four
    i32* pack_height
    Root* pool
    Root* next_pool
    i32 n_pack


cdef inline i64 mix(i64 x) noexcept nogil:
    """A 64-bit number that has nothing to do with x any more (splitmix64, Steele et al. 2014)."""
    cdef unsigned long long z = <unsigned long long> x + 0x9E3779B97F4A7C15ULL
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return <i64> (z ^ (z >> 31))


cdef inline int earlier(const void* a, const void* b) noexcept nogil:
    """Order of roots: part, shape, place."""
    cdef const Root* x = <const Root*> a
    cdef const Root* y = <const Root*> b
    if x.part != y.part:
        return -1 if x.part < y.part else 1
    if x.shape != y.shape:
        return -1 if x.shape < y.shape else 1
    return -1 if x.rank < y.rank else 1


cdef inline void grow_forest(Forest* t, i32 n, const i32* order, const IntList* adjacent, const i8* fixed) noexcept nogil:
    """Parents, plain nodes, shapes and children. ``fixed`` nodes (regulated) can be neither packed nor parents of packs.
    """
    cdef i32 i, k, x, best, j
    for i in range(n):
        t.rank[order[i]] = i
    for i in range(n):
        k = order[i]
        best = -1
        for x in range(adjacent[k].n):
            if best < 0 or t.rank[adjacent[k].at[x]] < t.rank[best]:
                best = adjacent[k].at[x]
        t.parent[k] = best
        t.plain[k] = adjacent[k].n <= 1 and not fixed[k] and (best < 0 or not fixed[best])
        t.shape[k] = 0
        t.height[k] = 0
    memset(t.first_child, 0, (n + 1) * sizeof(i32))
    for i in range(n):      # children come before their parents
        k = order[i]
        t.shape[k] = mix(t.shape[k] + 1)
        if t.parent[k] >= 0:
            if not t.plain[k]:
                t.plain[t.parent[k]] = 0
            t.shape[t.parent[k]] += mix(t.shape[k])
            t.height[t.parent[k]] = max(t.height[t.parent[k]], t.height[k] + 1)
            t.first_child[t.parent[k] + 1] += 1
    for k in range(n):
        t.first_child[k + 1] += t.first_child[k]
    for i in range(n - 1, -1, -1):
        k = order[i]
        if t.parent[k] < 0:
            continue
        # insertion from the back, by shape; of equal shapes the one eliminated first stands first
        t.first_child[t.parent[k] + 1] -= 1
        j = t.first_child[t.parent[k] + 1]
        t.child[j] = k
    for k in range(n):      # the counting above has moved every start one place on
        t.first_child[k] = t.first_child[k + 1]
    t.first_child[n] = 0
    for k in range(n):
        t.first_child[n] += t.parent[k] >= 0
    for k in range(n):
        for x in range(t.first_child[k] + 1, t.first_child[k + 1]):
            best = t.child[x]
            j = x
            while j > t.first_child[k] and t.shape[t.child[j - 1]] > t.shape[best]:
                t.child[j] = t.child[j - 1]
                j -= 1
            t.child[j] = best


cdef inline void pack_subtree(Forest* t, const i32* roots) noexcept nogil:
    """Packs of four subtrees that look alike, from their roots down."""
    cdef i32 done = t.n_pack, c, lane
    cdef i32* four = t.lane_of + PACK * t.n_pack
    for lane in range(PACK):
        four[lane] = roots[lane]
    t.n_pack += 1
    while done < t.n_pack:
        four = t.lane_of + PACK * done
        t.pack_height[done] = t.height[four[0]]
        for c in range(t.first_child[four[0] + 1] - t.first_child[four[0]]):
            for lane in range(PACK):
                t.lane_of[PACK * t.n_pack + lane] = t.child[t.first_child[four[lane]] + c]
            t.n_pack += 1
        done += 1


cdef inline bint alike(const Forest* t, const Root* roots) noexcept nogil:
    """Whether four neighbours in the pool can go together."""
    cdef i32 lane
    for lane in range(1, PACK):
        if roots[lane].shape != roots[0].shape or roots[lane].part != roots[0].part:
            return False
        if t.height[roots[lane].node] != t.height[roots[0].node]:
            return False
    return True


cdef inline void find_packs(Forest* t, i32 n, const i32* part) noexcept nogil:
    """Pack what looks alike, the largest subtrees first; of those left over, their children."""
    cdef i32 k, x, n_pool = 0, n_next
    cdef i32 roots[PACK]
    cdef Root* swap
    t.n_pack = 0
    for k in range(n):
        if t.plain[k] and (t.parent[k] < 0 or not t.plain[t.parent[k]]):
            t.pool[n_pool].node, t.pool[n_pool].shape = k, t.shape[k]
            t.pool[n_pool].part, t.pool[n_pool].rank = part[k], t.rank[k]
            n_pool += 1
    while n_pool > 0:
        qsort(t.pool, n_pool, sizeof(Root), &earlier)
        n_next = 0
        k = 0
        while k < n_pool:
            if k + PACK <= n_pool and alike(t, t.pool + k):
                for x in range(PACK):
                    roots[x] = t.pool[k + x].node
                pack_subtree(t, roots)
                k += PACK
                continue
            for x in range(t.first_child[t.pool[k].node], t.first_child[t.pool[k].node + 1]):
                t.next_pool[n_next].node, t.next_pool[n_next].shape = t.child[x], t.shape[t.child[x]]
                t.next_pool[n_next].part, t.next_pool[n_next].rank = t.pool[k].part, t.rank[t.child[x]]
                n_next += 1
            k += 1
        swap = t.pool
        t.pool = t.next_pool
        t.next_pool = swap
        n_pool = n_next


cdef inline void order_by_packs(Forest* t, i32 n, i32* order, const i32* part, i32* packs_of_part) noexcept nogil:
    """Rewrite ``order``: in each part first its packs, low ones first, then the others as before.

    ``order`` is sorted by part; ``packs_of_part`` (as many as parts, zeroed) takes how many packs each has.
    """
    cdef i32 i, k, x, at = 0, begin, low, p, tallest = 0
    for k in range(t.n_pack):
        tallest = max(tallest, t.pack_height[k])
        for x in range(PACK):
            t.plain[t.lane_of[PACK * k + x]] = 2     # packed
        packs_of_part[part[t.lane_of[PACK * k]]] += 1
    while at < n:
        begin = at
        p = part[order[at]]
        i = at
        while i < n and part[order[i]] == p:
            i += 1
        # the others, from the back so that nothing is overwritten before it is read
        low = i
        for x in range(i - 1, begin - 1, -1):
            if t.plain[order[x]] != 2:
                low -= 1
                order[low] = order[x]
        at = begin
        for k in range(tallest + 1):
            for x in range(t.n_pack):
                if t.pack_height[x] == k and part[t.lane_of[PACK * x]] == p:
                    for low in range(PACK):
                        order[at + low] = t.lane_of[PACK * x + low]
                    at += PACK
        at = i
