"""The Newton step of elimination.pxd for several cases of one network side by side, one in each lane. Header only.

Same equations, same elimination schedule; admittances are common to all lanes, injections and voltages are their own.
A lane that has converged is held while the others go on, so its bits do not depend on its neighbours. Nodes with a
ZIP part are not dealt with here.
"""

from .elimination cimport CONSTANT, IDLE, REGULATED, Node, System
from .types cimport f64, i8, i32
from .vector cimport choose, inverse_of, mask, signs, splat, vabs, vec, vmax

# What the sums of a node hold before its turn comes.
cdef enum Touch:
    UNTOUCHED = 0   # nothing: no other node is eliminated into it
    STORED = 1      # what its children left; the first of them stores, the others add
    CLEARED = 2     # zeros, then what others add: nodes that were joined by loops

cdef struct Lanes:
    const System* s
    i8* touch        # [n_node] Touch
    i8* stores       # [n_node] 1 where the node is the first to touch its parent
    i8* filled       # [n_entry] 1 where the elimination of other nodes changes the entry
    i8* fills        # [pairs of System] 1 where that pair is the first to do so: it stores
    i32* cleared     # [n_cleared] the nodes to clear before each step
    i32 n_cleared
    i8* role         # [n_node] Role, IDLE only where it is so in every lane
    vec* p           # [n_node] injected power
    vec* q
    vec* e           # [n_node] voltage
    vec* f
    vec* block       # [6 n_node] as in System
    vec* slot        # [4 n_entry] what was added to the U block of an entry; after its turn D^-1 U
    vec* low_slot    # [4 n_entry] what was added to its L block
    vec* low         # [4 most entries of a node] L blocks of the node whose turn it is
    vec* weight      # [n_node]
    vec* current     # [2 n_node] Y V + i0, kept where there are regulated nodes
    vec* step        # [2 n_node] V' - V, likewise
    bint regulated
    mask moving      # lanes that have not converged yet
    vec odd          # sign bit: whether an odd number of pivot blocks had a negative determinant


cdef inline void lane_currents(const Lanes* v, i32 first, i32 end, const vec* e, const vec* f, int stride, vec* out,
                               bint with_held) noexcept nogil:
    """out = Y V (+ i0) of the nodes first .. end-1; e and f are read with a stride."""
    cdef const System* s = v.s
    cdef i32 k, x, j
    cdef const f64* u
    cdef const f64* l
    cdef vec ek, fk, ej, fj
    for k in range(first, end):
        ek = e[stride * k]
        fk = f[stride * k]
        out[2 * k] = s.node[k].g * ek - s.node[k].b * fk
        out[2 * k + 1] = s.node[k].g * fk + s.node[k].b * ek
        if with_held:
            out[2 * k] = out[2 * k] + s.node[k].i0_re
            out[2 * k + 1] = out[2 * k + 1] + s.node[k].i0_im
    for k in range(first, end):
        ek = e[stride * k]
        fk = f[stride * k]
        for x in range(s.ptr[k], s.ptr[k + 1]):
            j = s.idx[x]
            ej = e[stride * j]
            fj = f[stride * j]
            u = s.upper + 2 * x
            l = s.lower + 2 * x
            out[2 * k] = out[2 * k] + (u[0] * ej - u[1] * fj)
            out[2 * k + 1] = out[2 * k + 1] + (u[0] * fj + u[1] * ej)
            out[2 * j] = out[2 * j] + (l[0] * ek - l[1] * fk)
            out[2 * j + 1] = out[2 * j + 1] + (l[0] * fk + l[1] * ek)


cdef inline void lane_block(const Lanes* v, i32 k, const f64* admittance, vec* out) noexcept nogil:
    """2x2 block of one entry in row k."""
    cdef f64 g = admittance[0], b = admittance[1]
    if v.role[k] == REGULATED:
        out[0] = v.e[k] * g + v.f[k] * b
        out[1] = v.f[k] * g - v.e[k] * b
        out[2] = splat(0.0)
        out[3] = splat(0.0)
    else:
        out[0] = splat(g)
        out[1] = splat(-b)
        out[2] = splat(b)
        out[3] = splat(g)


cdef inline void lane_clear(const Lanes* v, i32 first, i32 end) noexcept nogil:
    """Clear the sums that are only added to."""
    cdef i32 i, k, c
    for i in range(v.n_cleared):
        k = v.cleared[i]
        if first <= k < end:
            for c in range(6):
                v.block[6 * k + c] = splat(0.0)


cdef inline void lane_regulated(const Lanes* v, i32 k, vec* d) noexcept nogil:
    """The rows (P, |V|^2) of a regulated node; d holds what its children left."""
    cdef const Node* node = v.s.node + k
    cdef vec e = v.e[k], f = v.f[k], i_re = v.current[2 * k], i_im = v.current[2 * k + 1]
    v.weight[k] = splat(0.0)
    d[0] = d[0] + (e * node.g + f * node.b + i_re)
    d[1] = d[1] + (f * node.g - e * node.b + i_im)
    d[2] = d[2] + (e + e)
    d[3] = d[3] + (f + f)
    d[4] = d[4] + (v.p[k] + e * i_re + f * i_im - (e * node.i0_re + f * node.i0_im))
    d[5] = d[5] + (v.s.v_set2[k] + e * e + f * f)


cdef inline void lane_row(const Lanes* v, i32 k, vec* d) noexcept nogil:
    """Diagonal block d[0..3] and right side d[4..5] of a node: what its children left plus its own terms."""
    cdef const Node* node = v.s.node + k
    cdef const vec* sums = v.block + 6 * k
    cdef vec e, f, w, p, q, i_re, i_im, we, wf, c_re, c_im
    if v.touch[k] == UNTOUCHED:
        d[0] = splat(0.0)
        d[1] = splat(0.0)
        d[2] = splat(0.0)
        d[3] = splat(0.0)
        d[4] = splat(0.0)
        d[5] = splat(0.0)
    else:
        d[0] = sums[0]
        d[1] = sums[1]
        d[2] = sums[2]
        d[3] = sums[3]
        d[4] = sums[4]
        d[5] = sums[5]
    if v.role[k] == REGULATED:
        lane_regulated(v, k, d)
        return
    d[0] = d[0] + node.g
    d[1] = d[1] - node.b
    d[2] = d[2] + node.b
    d[3] = d[3] + node.g
    d[4] = d[4] - node.i0_re
    d[5] = d[5] - node.i0_im
    if v.role[k] == IDLE:
        return
    e = v.e[k]
    f = v.f[k]
    w = inverse_of(e * e + f * f)
    p = v.p[k] * w
    q = v.q[k] * w
    i_re = p * e + q * f                    # I = conj(S/V)
    i_im = p * f - q * e
    we = w * e
    wf = w * f
    c_re = i_re * we - i_im * wf            # I / conj(V)
    c_im = i_re * wf + i_im * we
    v.weight[k] = vabs(p) + vabs(q)
    d[0] = d[0] + c_re
    d[1] = d[1] + c_im
    d[2] = d[2] + c_im
    d[3] = d[3] - c_re
    d[4] = d[4] + (i_re + i_re)
    d[5] = d[5] + (i_im + i_im)


cdef inline void lane_store_product(vec* out, const vec* l, const vec* u) noexcept nogil:
    """out = -l u, 2x2 blocks by rows."""
    out[0] = -(l[0] * u[0] + l[1] * u[2])
    out[1] = -(l[0] * u[1] + l[1] * u[3])
    out[2] = -(l[2] * u[0] + l[3] * u[2])
    out[3] = -(l[2] * u[1] + l[3] * u[3])


cdef inline void lane_subtract_product(vec* out, const vec* l, const vec* u) noexcept nogil:
    """out -= l u, 2x2 blocks by rows."""
    out[0] = out[0] - (l[0] * u[0] + l[1] * u[2])
    out[1] = out[1] - (l[0] * u[1] + l[1] * u[3])
    out[2] = out[2] - (l[2] * u[0] + l[3] * u[2])
    out[3] = out[3] - (l[2] * u[1] + l[3] * u[3])


cdef inline void lane_entry(const Lanes* v, i32 k, i32 x, vec* u, vec* l) noexcept nogil:
    """U and L block of one entry of node k: its admittances and what the elimination so far added."""
    cdef int c
    lane_block(v, k, v.s.upper + 2 * x, u)
    lane_block(v, v.s.idx[x], v.s.lower + 2 * x, l)
    if v.filled[x]:
        for c in range(4):
            u[c] = u[c] + v.slot[4 * x + c]
            l[c] = l[c] + v.low_slot[4 * x + c]


cdef inline void lane_general(const Lanes* v, i32 k, const vec* inv, vec y0, vec y1) noexcept nogil:
    """Eliminate a node with several or varying entries: every pair of its neighbours is changed."""
    cdef const System* s = v.s
    cdef i32 x, z, at = s.pair_ptr[k], x0 = s.ptr[k], x1 = s.ptr[k + 1]
    cdef vec* w
    cdef vec* l
    cdef vec* d
    cdef vec u[4]
    for x in range(x0, x1):
        w = v.slot + 4 * x
        lane_entry(v, k, x, u, v.low + 4 * (x - x0))
        w[0] = inv[0] * u[0] + inv[1] * u[2]
        w[1] = inv[0] * u[1] + inv[1] * u[3]
        w[2] = inv[2] * u[0] + inv[3] * u[2]
        w[3] = inv[2] * u[1] + inv[3] * u[3]
    for x in range(x0, x1):
        w = v.slot + 4 * x
        l = v.low + 4 * (x - x0)
        d = v.block + 6 * s.idx[x]
        lane_subtract_product(d, l, w)
        d[4] = d[4] - (l[0] * y0 + l[1] * y1)
        d[5] = d[5] - (l[2] * y0 + l[3] * y1)
        for z in range(x0, x):      # rows idx[x] and idx[z], columns idx[z] and idx[x]
            if v.fills[at]:
                lane_store_product(v.low_slot + 4 * s.pair[at], l, v.slot + 4 * z)
                lane_store_product(v.slot + 4 * s.pair[at], v.low + 4 * (z - x0), w)
            else:
                lane_subtract_product(v.low_slot + 4 * s.pair[at], l, v.slot + 4 * z)
                lane_subtract_product(v.slot + 4 * s.pair[at], v.low + 4 * (z - x0), w)
            at += 1


cdef inline void lane_parent(const Lanes* v, i32 k, const vec* inv, vec y0, vec y1) noexcept nogil:
    """Eliminate a node with one constant entry: only its parent is changed."""
    cdef const Node* node = v.s.node + k
    cdef f64 g = node.up_g, b = node.up_b
    cdef vec w0 = inv[0] * g + inv[1] * b, w1 = inv[1] * g - inv[0] * b
    cdef vec w2 = inv[2] * g + inv[3] * b, w3 = inv[3] * g - inv[2] * b
    cdef vec* own = v.block + 6 * k
    cdef vec* to = v.block + 6 * node.parent
    g = node.low_g
    b = node.low_b
    own[0] = w0
    own[1] = w1
    own[2] = w2
    own[3] = w3
    if v.stores[k]:
        to[0] = b * w2 - g * w0
        to[1] = b * w3 - g * w1
        to[2] = -b * w0 - g * w2
        to[3] = -b * w1 - g * w3
        to[4] = b * y1 - g * y0
        to[5] = -b * y0 - g * y1
    else:
        to[0] = to[0] - (g * w0 - b * w2)
        to[1] = to[1] - (g * w1 - b * w3)
        to[2] = to[2] - (b * w0 + g * w2)
        to[3] = to[3] - (b * w1 + g * w3)
        to[4] = to[4] - (g * y0 - b * y1)
        to[5] = to[5] - (b * y0 + g * y1)


cdef inline void lane_forward(Lanes* v, i32 first, i32 end) noexcept nogil:
    """Load and eliminate the nodes first .. end-1."""
    cdef const System* s = v.s
    cdef i32 k
    cdef vec det, y0, y1, odd = splat(0.0)
    cdef vec d[6]
    cdef vec inv[4]
    lane_clear(v, first, end)
    for k in range(first, end):
        lane_row(v, k, d)
        det = d[0] * d[3] - d[1] * d[2]
        odd = signs(odd, det)
        det = inverse_of(det)
        inv[0] = d[3] * det
        inv[1] = -d[1] * det
        inv[2] = -d[2] * det
        inv[3] = d[0] * det
        y0 = inv[0] * d[4] + inv[1] * d[5]
        y1 = inv[2] * d[4] + inv[3] * d[5]
        v.block[6 * k + 4] = y0
        v.block[6 * k + 5] = y1
        if not s.node[k].simple:
            lane_general(v, k, inv, y0, y1)
        elif s.node[k].parent >= 0:
            lane_parent(v, k, inv, y0, y1)
    v.odd = odd


cdef inline vec lane_backward(Lanes* v, i32 first, i32 end) noexcept nogil:
    """Substitute back in the moving lanes; the largest mismatch left at unregulated nodes of each."""
    cdef const System* s = v.s
    cdef i32 k, x, j
    cdef vec y0, y1, de, df, worst = splat(0.0)
    cdef const vec* d
    for k in range(end - 1, first - 1, -1):
        d = v.block + 6 * k
        y0 = d[4]
        y1 = d[5]
        if not s.node[k].simple:
            for x in range(s.ptr[k], s.ptr[k + 1]):
                j = s.idx[x]
                d = v.slot + 4 * x
                y0 = y0 - (d[0] * v.e[j] + d[1] * v.f[j])
                y1 = y1 - (d[2] * v.e[j] + d[3] * v.f[j])
        elif s.node[k].parent >= 0:
            j = s.node[k].parent
            y0 = y0 - (d[0] * v.e[j] + d[1] * v.f[j])
            y1 = y1 - (d[2] * v.e[j] + d[3] * v.f[j])
        y0 = choose(v.moving, y0, v.e[k])
        y1 = choose(v.moving, y1, v.f[k])
        de = y0 - v.e[k]
        df = y1 - v.f[k]
        if v.role[k] == CONSTANT:
            worst = vmax(v.weight[k] * (de * de + df * df), worst)
        v.e[k] = y0
        v.f[k] = y1
        if v.regulated:
            v.step[2 * k] = de
            v.step[2 * k + 1] = df
    return worst


cdef inline vec lane_regulated_error(Lanes* v, i32 first, i32 end) noexcept nogil:
    """Mismatch a step left at regulated nodes, P and |V|^2; brings ``current`` up to date with the new voltage."""
    cdef i32 k
    cdef vec worst = splat(0.0), de, df
    cdef vec* change = v.block     # free between a step and the next
    lane_currents(v, first, end, v.step, v.step + 1, 2, change, False)
    for k in range(first, end):
        v.current[2 * k] = v.current[2 * k] + change[2 * k]
        v.current[2 * k + 1] = v.current[2 * k + 1] + change[2 * k + 1]
        if v.role[k] == REGULATED:
            de = v.step[2 * k]
            df = v.step[2 * k + 1]
            worst = vmax(vabs(de * change[2 * k] + df * change[2 * k + 1]), worst)
            worst = vmax(de * de + df * df, worst)
    return worst
