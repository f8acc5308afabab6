"""The Newton step of elimination.pxd for nodes that packing.pxd has laid side by side: four in one go. Header only.

A pack is four neighbouring positions of the elimination order; voltages, injections and weights of the four stand
together anyway. Its part of ``block`` is read as six vectors of four. Packs come first in their island; their parents
are packs, lane by lane, or any later nodes.
"""

from .elimination cimport IDLE, System
from .types cimport f64, i8, i32, max_
from .vector cimport quad, quad_abs, quad_inverse, quad_max, quad_odd, quad_splat

cdef enum:
    PACK = 4

cdef struct Pack:
    f64 constant[32]     # g, b, i0 (re, im), Y(k, parent), Y(parent, k), four of each
    i32 position         # of its first node
    i32 parent           # the pack above; -1 where the parents are no pack
    i32 above[PACK]      # then the position of each parent; -1 none
    i32 leaf             # 1: no child has left anything
    i32 stores           # 1: the first to touch the pack above


cdef inline void refresh_packs(const System* s, Pack* packs, i32 n) noexcept nogil:
    """Take the constants of the packs from the nodes."""
    cdef i32 k, lane, at
    for k in range(n):
        for lane in range(PACK):
            at = packs[k].position + lane
            packs[k].constant[lane] = s.node[at].g
            packs[k].constant[4 + lane] = s.node[at].b
            packs[k].constant[8 + lane] = s.node[at].i0_re
            packs[k].constant[12 + lane] = s.node[at].i0_im
            packs[k].constant[16 + lane] = s.node[at].up_g
            packs[k].constant[20 + lane] = s.node[at].up_b
            packs[k].constant[24 + lane] = s.node[at].low_g
            packs[k].constant[28 + lane] = s.node[at].low_b


cdef inline bint idle(const i8* role) noexcept nogil:
    return role[0] == IDLE and role[1] == IDLE and role[2] == IDLE and role[3] == IDLE


cdef inline void pass_up(const System* s, const Pack* pack, const quad* c) noexcept nogil:
    """Subtract what the four leave from the sums of four nodes that are no pack."""
    cdef i32 lane
    cdef f64* to
    for lane in range(PACK):
        if pack.above[lane] >= 0:
            to = s.block + 6 * pack.above[lane]
            to[0] -= (<const f64*> &c[0])[lane]
            to[1] -= (<const f64*> &c[1])[lane]
            to[2] -= (<const f64*> &c[2])[lane]
            to[3] -= (<const f64*> &c[3])[lane]
            to[4] -= (<const f64*> &c[4])[lane]
            to[5] -= (<const f64*> &c[5])[lane]


cdef inline int packs_forward(const System* s, const Pack* packs, i32 first, i32 end) noexcept nogil:
    """Load and eliminate the packs first .. end-1; the number of pivots with a negative determinant, modulo 2."""
    cdef i32 k, at
    cdef int odd = 0
    cdef const quad* t
    cdef quad* own
    cdef quad* to
    cdef quad e, f, w, p, q, i_re, i_im, we, wf, c_re, c_im, d0, d1, d2, d3, r0, r1, det, v0, v1, v2, v3, y0, y1
    cdef quad c[6]
    for k in range(first, end):
        at = packs[k].position
        t = <const quad*> packs[k].constant
        own = <quad*> (s.block + 6 * at)
        d0 = t[0]
        d1 = -t[1]
        d2 = t[1]
        d3 = t[0]
        r0 = -t[2]
        r1 = -t[3]
        if not packs[k].leaf:
            d0 = d0 + own[0]
            d1 = d1 + own[1]
            d2 = d2 + own[2]
            d3 = d3 + own[3]
            r0 = r0 + own[4]
            r1 = r1 + own[5]
        if not idle(s.role + at):
            e = (<const quad*> (s.e + at))[0]
            f = (<const quad*> (s.f + at))[0]
            w = quad_inverse(e * e + f * f)
            p = (<const quad*> (s.p + at))[0] * w
            q = (<const quad*> (s.q + at))[0] * w
            i_re = p * e + q * f                    # I = conj(S/V)
            i_im = p * f - q * e
            we = w * e
            wf = w * f
            c_re = i_re * we - i_im * wf            # I / conj(V)
            c_im = i_re * wf + i_im * we
            (<quad*> (s.weight + at))[0] = quad_abs(p) + quad_abs(q)
            d0 = d0 + c_re
            d1 = d1 + c_im
            d2 = d2 + c_im
            d3 = d3 - c_re
            r0 = r0 + (i_re + i_re)
            r1 = r1 + (i_im + i_im)
        det = d0 * d3 - d1 * d2
        odd ^= quad_odd(det)
        det = quad_inverse(det)
        v0 = d3 * det
        v1 = -d1 * det
        v2 = -d2 * det
        v3 = d0 * det
        y0 = v0 * r0 + v1 * r1
        y1 = v2 * r0 + v3 * r1
        d0 = v0 * t[4] + v1 * t[5]                  # D^-1 U
        d1 = v1 * t[4] - v0 * t[5]
        d2 = v2 * t[4] + v3 * t[5]
        d3 = v3 * t[4] - v2 * t[5]
        own[0] = d0
        own[1] = d1
        own[2] = d2
        own[3] = d3
        own[4] = y0
        own[5] = y1
        c[0] = t[6] * d0 - t[7] * d2
        c[1] = t[6] * d1 - t[7] * d3
        c[2] = t[7] * d0 + t[6] * d2
        c[3] = t[7] * d1 + t[6] * d3
        c[4] = t[6] * y0 - t[7] * y1
        c[5] = t[7] * y0 + t[6] * y1
        if packs[k].parent < 0:
            pass_up(s, packs + k, c)
            continue
        to = <quad*> (s.block + 6 * packs[packs[k].parent].position)
        if packs[k].stores:
            to[0] = -c[0]
            to[1] = -c[1]
            to[2] = -c[2]
            to[3] = -c[3]
            to[4] = -c[4]
            to[5] = -c[5]
        else:
            to[0] = to[0] - c[0]
            to[1] = to[1] - c[1]
            to[2] = to[2] - c[2]
            to[3] = to[3] - c[3]
            to[4] = to[4] - c[4]
            to[5] = to[5] - c[5]
    return odd


cdef inline void voltage_above(const System* s, const Pack* packs, i32 k, quad* e, quad* f) noexcept nogil:
    """Voltages of the parents of a pack; 0 where there is none."""
    cdef i32 lane, at
    if packs[k].parent >= 0:
        at = packs[packs[k].parent].position
        e[0] = (<const quad*> (s.e + at))[0]
        f[0] = (<const quad*> (s.f + at))[0]
        return
    for lane in range(PACK):
        at = packs[k].above[lane]
        (<f64*> e)[lane] = s.e[at] if at >= 0 else 0.0
        (<f64*> f)[lane] = s.f[at] if at >= 0 else 0.0


cdef inline f64 packs_backward(const System* s, const Pack* packs, i32 first, i32 end, bint keep_step) noexcept nogil:
    """Substitute back; the largest mismatch left. ``keep_step``: note V' - V as ``backward`` does."""
    cdef i32 k, at, lane
    cdef const quad* own
    cdef quad ej, fj, e, f, y0, y1, de, df, worst = quad_splat(0.0)
    cdef f64 largest = 0.0
    for k in range(end - 1, first - 1, -1):
        at = packs[k].position
        own = <const quad*> (s.block + 6 * at)
        voltage_above(s, packs, k, &ej, &fj)
        y0 = own[4] - (own[0] * ej + own[1] * fj)
        y1 = own[5] - (own[2] * ej + own[3] * fj)
        e = (<const quad*> (s.e + at))[0]
        f = (<const quad*> (s.f + at))[0]
        de = y0 - e
        df = y1 - f
        (<quad*> (s.e + at))[0] = y0
        (<quad*> (s.f + at))[0] = y1
        if not idle(s.role + at):
            worst = quad_max((<const quad*> (s.weight + at))[0] * (de * de + df * df), worst)
        if keep_step:
            for lane in range(PACK):
                s.step[2 * (at + lane)] = (<const f64*> &de)[lane]
                s.step[2 * (at + lane) + 1] = (<const f64*> &df)[lane]
    for lane in range(PACK):
        largest = max_((<const f64*> &worst)[lane], largest)
    return largest
