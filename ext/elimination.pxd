"""Current-injection Newton on a compiled elimination schedule of 2x2 blocks. Header only, scalar.

The unknown is the complex voltage of every node, in elimination order; held (slack) voltages are folded into the
constant current i0. One step solves directly for the new voltage V' of

    (Y - A) V' + C conj(V') = I(V) - A V + C conj(V) - i0,     C = -dI/dconj(V),  A = dI/dV,

where I(V) is the injected current. For constant power I = conj(S/V), hence A = 0 and C conj(V) = I: the right side is
2 I - i0, only the diagonal depends on V, and after the step the power mismatch is exactly |S| |dV/V|^2 (V before the
step). Nodes with regulated voltage have the rows (P, |V|^2) instead; there the error left is quadratic in dV too.
Current-injection Newton: V. M. da Costa et al., IEEE Trans. Power Systems 14 (4), 1999; solving for the new
voltage and the mismatch rule are derived in docs/powerflow.md.
"""

from libc.math cimport INFINITY
from libc.string cimport memset

from .types cimport abs_, f64, i8, i32, max_, sqrt_

cdef extern from *:
    """
    #include <stdint.h>

    #if defined(__GNUC__)
    __attribute__((noinline, cold))            /* inlined it would take registers from nodes without a curve */
    #endif
    static double twin_curve_power(const int32_t *ptr, const double *curve, int32_t k, double v, double *slope) {
      int32_t x = ptr[k], last = ptr[k + 1] - 1;
      *slope = 0.0;
      if (x > last) return 0.0;
      if (v < curve[2 * x]) return curve[2 * x + 1];
      while (x < last && v >= curve[2 * x + 2]) x++;
      if (x == last) return curve[2 * x + 1];
      *slope = (curve[2 * x + 3] - curve[2 * x + 1]) / (curve[2 * x + 2] - curve[2 * x]);
      return curve[2 * x + 1] + *slope * (v - curve[2 * x]);
    }
    """
    # Reactive power of curve ``k`` at a voltage, straight between its points and level beyond them, and its slope.
    f64 curve_power "twin_curve_power"(const i32* ptr, const f64* curve, i32 k, f64 v, f64* slope) noexcept nogil

cdef extern from *:
    """
    /* A loaded bus below half the voltage of its island's slack is past the nose: on a two-bus line the upper solution
       ends between 0.5 (load angle = line angle) and higher values, never below 0.5 of the source voltage. */
    #define TWIN_LOW_ROOT 0.5
    """
    const f64 LOW_ROOT "TWIN_LOW_ROOT"

cdef enum Role:
    IDLE = 0        # nothing injected: the row is linear
    CONSTANT = 1    # constant power
    ZIP = 2         # constant power, current and admittance together
    REGULATED = 3   # active power and |V| given

cdef struct Node:
    # Constants of one node, in elimination order; all in per unit. 72 bytes.
    f64 g            # own admittance
    f64 b
    f64 i0_re        # current drawn towards the held buses, sum of Y_ks V_s
    f64 i0_im
    f64 up_g         # Y(k, parent); only where simple
    f64 up_b
    f64 low_g        # Y(parent, k); only where simple
    f64 low_b
    i32 parent       # position of the only neighbour left when k is eliminated; -1 none; only where simple
    i32 simple       # at most one entry, and that entry is constant: no slot needed

cdef struct System:
    # One topology, compiled. Arrays are in elimination order; an entry is a neighbour still present, its column in idx.
    i32 n_node
    i32 n_entry
    Node* node
    const i32* ptr       # [n_node + 1] entries of a node
    const i32* idx       # [n_entry] column of an entry, above the node, rising
    const i32* pair_ptr  # [n_node] where the node's targets start
    const i32* pair      # entry that is changed by entries (z, x), z < x, of one node; x outer, z inner
    f64* upper           # [2 n_entry] Y(k, idx), 0 where filled in
    f64* lower           # [2 n_entry] Y(idx, k)
    f64* block           # [6 n_node] sums for D (4) and right side (2), then D^-1 U of a simple node and D^-1 r
    f64* slot            # [8 n_entry] U block, L block; U becomes D^-1 U
    f64* p               # [n_node] injected power, constant-power part
    f64* q
    f64* zip             # [4 n_node] p, q of the constant-current part at 1 pu, p, q of the admittance part at 1 pu
    f64* v_set2          # [n_node] |V|^2 wanted, of regulated nodes
    f64* e               # [n_node] voltage, real and imaginary part
    f64* f
    f64* weight          # [n_node] (|P| + |Q|) / |V|^2 before the step
    f64* current         # [2 n_node] Y V + i0, kept where regulated nodes need it
    f64* step            # [2 n_node] V' - V
    i8* role             # [n_node] Role
    const i32* curve_ptr # [n_node + 1] points of a node's volt-var curve, of role ZIP only; NULL where no node has one
    const f64* curve     # [2 n_point] |V|, rising, and the reactive power injected there
    f64 curve_scale      # factor on that power; 1 but in a continuation

cdef struct Injection:
    f64 i_re    # I(V)
    f64 i_im
    f64 a_re    # dI/dV
    f64 a_im
    f64 c_re    # -dI/dconj(V)
    f64 c_im


cdef inline f64 knot_crossed(const f64* curve, i32 first, i32 last, f64 v, f64 to) noexcept nogil:
    """First point of a curve on the way from one voltage to another, beyond by 1e-9; 0 where there is none."""
    cdef i32 x
    if to > v:
        for x in range(first, last + 1):
            if v < curve[2 * x] <= to:
                return curve[2 * x] * (1.0 + 1e-9)
    else:
        for x in range(last, first - 1, -1):
            if to < curve[2 * x] <= v:
                return curve[2 * x] * (1.0 - 1e-9)
    return 0.0


cdef inline void inject(const System* s, i32 k, f64 e, f64 f, Injection* out) noexcept nogil:
    """Injected current of a node and its derivatives at voltage e + jf: constant P, I and Z and a volt-var curve."""
    cdef f64 w = 1.0 / (e * e + f * f), v = sqrt_(w)           # 1/|V|^2, 1/|V|
    cdef const f64* zip_ = s.zip + 4 * k
    # I = conj(S) V h with h = w, v and 1; h + |V|^2 h' = 0, v/2 and 1; -h' |V|^2 = w, v/2 and 0
    cdef f64 p = s.p[k] * w + zip_[0] * v + zip_[2], q = s.q[k] * w + zip_[1] * v + zip_[3]
    cdef f64 pc = s.p[k] * w + 0.5 * zip_[0] * v, qc = s.q[k] * w + 0.5 * zip_[1] * v
    cdef f64 e2 = (e * e - f * f) * w, f2 = 2.0 * e * f * w    # V^2 / |V|^2
    cdef f64 power, slope = 0.0
    if s.curve_ptr != NULL:
        # S = jQ(|V|): h = w Q, h + |V|^2 h' = v Q'/2, -h' |V|^2 = w Q - v Q'/2
        power = s.curve_scale * curve_power(s.curve_ptr, s.curve, k, 1.0 / v, &slope)
        slope *= 0.5 * s.curve_scale * v
        q += power * w
        qc += power * w - slope
    out.i_re = p * e + q * f
    out.i_im = p * f - q * e
    out.a_re = 0.5 * zip_[0] * v + zip_[2]
    out.a_im = -(0.5 * zip_[1] * v + zip_[3] + slope)
    out.c_re = pc * e2 + qc * f2
    out.c_im = pc * f2 - qc * e2


cdef inline void currents(const System* s, i32 first, i32 end, const f64* e, const f64* f, i32 stride, f64* out,
                          bint with_held) noexcept nogil:
    """out = Y V (+ i0) of the nodes first .. end-1; e and f are read with a stride."""
    cdef i32 k, x, j
    cdef const f64* u
    cdef const f64* l
    cdef f64 ek, fk, ej, fj
    for k in range(first, end):
        ek = e[stride * k]
        fk = f[stride * k]
        out[2 * k] = s.node[k].g * ek - s.node[k].b * fk
        out[2 * k + 1] = s.node[k].g * fk + s.node[k].b * ek
        if with_held:
            out[2 * k] += s.node[k].i0_re
            out[2 * k + 1] += s.node[k].i0_im
    for k in range(first, end):
        ek = e[stride * k]
        fk = f[stride * k]
        for x in range(s.ptr[k], s.ptr[k + 1]):
            j = s.idx[x]
            ej = e[stride * j]
            fj = f[stride * j]
            u = s.upper + 2 * x
            l = s.lower + 2 * x
            out[2 * k] += u[0] * ej - u[1] * fj
            out[2 * k + 1] += u[0] * fj + u[1] * ej
            out[2 * j] += l[0] * ek - l[1] * fk
            out[2 * j + 1] += l[0] * fk + l[1] * ek


cdef inline void load_block(const System* s, i32 k, const f64* admittance, f64* out) noexcept nogil:
    """2x2 block of one entry in row k: the admittance itself, or the row (P, |V|^2) of a regulated node."""
    cdef f64 g = admittance[0], b = admittance[1]
    if s.role[k] == REGULATED:
        out[0] = s.e[k] * g + s.f[k] * b
        out[1] = s.f[k] * g - s.e[k] * b
        out[2] = out[3] = 0.0
    else:
        out[0] = out[3] = g
        out[1] = -b
        out[2] = b


cdef inline void load_slots(const System* s, i32 first, i32 end) noexcept nogil:
    cdef i32 k, x
    for k in range(first, end):
        if not s.node[k].simple:
            for x in range(s.ptr[k], s.ptr[k + 1]):
                load_block(s, k, s.upper + 2 * x, s.slot + 8 * x)
                load_block(s, s.idx[x], s.lower + 2 * x, s.slot + 8 * x + 4)


cdef inline void load_constant(const System* s, i32 k, f64* d) noexcept nogil:
    """Add the terms of a constant-power node to d: diagonal block d[0..3], right side d[4..5]. Sets its weight."""
    cdef f64 e = s.e[k], f = s.f[k], w = 1.0 / (e * e + f * f)
    cdef f64 p = s.p[k] * w, q = s.q[k] * w
    cdef f64 i_re = p * e + q * f, i_im = p * f - q * e                    # I = conj(S/V)
    cdef f64 we = w * e, wf = w * f
    cdef f64 c_re = i_re * we - i_im * wf, c_im = i_re * wf + i_im * we    # I / conj(V)
    s.weight[k] = abs_(p) + abs_(q)
    d[0] += c_re
    d[1] += c_im
    d[2] += c_im
    d[3] -= c_re
    d[4] += 2.0 * i_re
    d[5] += 2.0 * i_im


cdef inline void load_zip_row(const System* s, i32 k, f64* d) noexcept nogil:
    """The same for a node with constant-current and constant-admittance parts."""
    cdef Injection inj
    cdef f64 e = s.e[k], f = s.f[k]
    s.weight[k] = 0.0
    inject(s, k, e, f, &inj)
    d[0] += inj.c_re - inj.a_re
    d[1] += inj.c_im + inj.a_im
    d[2] += inj.c_im - inj.a_im
    d[3] -= inj.c_re + inj.a_re
    d[4] += inj.i_re - (inj.a_re * e - inj.a_im * f) + (inj.c_re * e + inj.c_im * f)
    d[5] += inj.i_im - (inj.a_re * f + inj.a_im * e) + (inj.c_im * e - inj.c_re * f)


cdef inline void load_regulated(const System* s, i32 k, f64* d) noexcept nogil:
    """The rows (P, |V|^2) of a regulated node, in place of those of the current."""
    cdef const Node* node = s.node + k
    cdef f64 e = s.e[k], f = s.f[k], i_re = s.current[2 * k], i_im = s.current[2 * k + 1]
    s.weight[k] = 0.0
    d[0] += e * node.g + f * node.b + i_re
    d[1] += f * node.g - e * node.b + i_im
    d[2] += 2.0 * e
    d[3] += 2.0 * f
    d[4] += s.p[k] + e * i_re + f * i_im - (e * node.i0_re + f * node.i0_im)
    d[5] += s.v_set2[k] + e * e + f * f


cdef inline void load_row(const System* s, i32 k, f64* d) noexcept nogil:
    """Diagonal block and right side of a node: what its children left in ``block`` plus its own terms."""
    cdef const Node* node = s.node + k
    cdef const f64* sums = s.block + 6 * k
    cdef f64 g = node.g, b = node.b
    if s.role[k] == REGULATED:
        g = b = 0.0
    d[0] = sums[0] + g
    d[1] = sums[1] - b
    d[2] = sums[2] + b
    d[3] = sums[3] + g
    d[4] = sums[4]
    d[5] = sums[5]
    if s.role[k] == REGULATED:
        load_regulated(s, k, d)
        return
    d[4] -= node.i0_re
    d[5] -= node.i0_im
    if s.role[k] == CONSTANT:
        load_constant(s, k, d)
    elif s.role[k] == ZIP:
        load_zip_row(s, k, d)
    else:
        s.weight[k] = 0.0


cdef inline void subtract_product(f64* out, const f64* l, const f64* u) noexcept nogil:
    """out -= l u, 2x2 blocks by rows."""
    out[0] -= l[0] * u[0] + l[1] * u[2]
    out[1] -= l[0] * u[1] + l[1] * u[3]
    out[2] -= l[2] * u[0] + l[3] * u[2]
    out[3] -= l[2] * u[1] + l[3] * u[3]


cdef inline void update_general(const System* s, i32 k, const f64* inverse, f64 y0, f64 y1) noexcept nogil:
    """Eliminate a node with several or varying entries: every pair of its neighbours is changed."""
    cdef i32 x, z, x0 = s.ptr[k], x1 = s.ptr[k + 1]
    cdef const i32* pair = s.pair + s.pair_ptr[k]
    cdef f64* u
    cdef f64* l
    cdef f64* d
    cdef f64 u0, u1, u2, u3
    for x in range(x0, x1):
        u = s.slot + 8 * x
        u0, u1, u2, u3 = u[0], u[1], u[2], u[3]
        u[0] = inverse[0] * u0 + inverse[1] * u2
        u[1] = inverse[0] * u1 + inverse[1] * u3
        u[2] = inverse[2] * u0 + inverse[3] * u2
        u[3] = inverse[2] * u1 + inverse[3] * u3
    for x in range(x0, x1):
        u = s.slot + 8 * x
        l = u + 4
        d = s.block + 6 * s.idx[x]
        subtract_product(d, l, u)
        d[4] -= l[0] * y0 + l[1] * y1
        d[5] -= l[2] * y0 + l[3] * y1
        for z in range(x0, x):
            d = s.slot + 8 * pair[0]
            pair += 1
            subtract_product(d + 4, l, s.slot + 8 * z)            # row idx[x], column idx[z]
            subtract_product(d, s.slot + 8 * z + 4, u)            # row idx[z], column idx[x]


cdef inline void update_parent(const System* s, i32 k, const f64* inverse, f64 y0, f64 y1) noexcept nogil:
    """Eliminate a node with one constant entry: only its parent is changed."""
    cdef const Node* node = s.node + k
    cdef f64 g = node.up_g, b = node.up_b
    cdef f64 w0 = inverse[0] * g + inverse[1] * b, w1 = inverse[1] * g - inverse[0] * b
    cdef f64 w2 = inverse[2] * g + inverse[3] * b, w3 = inverse[3] * g - inverse[2] * b
    cdef f64* own = s.block + 6 * k
    cdef f64* to = s.block + 6 * node.parent
    g = node.low_g
    b = node.low_b
    own[0], own[1], own[2], own[3] = w0, w1, w2, w3
    to[0] -= g * w0 - b * w2
    to[1] -= g * w1 - b * w3
    to[2] -= b * w0 + g * w2
    to[3] -= b * w1 + g * w3
    to[4] -= g * y0 - b * y1
    to[5] -= b * y0 + g * y1


cdef inline int forward(const System* s, i32 first, i32 end) noexcept nogil:
    """Load and eliminate the nodes first .. end-1. The number of pivot blocks with a negative determinant, modulo 2."""
    clear(s, first, end)
    return eliminate(s, first, end)


cdef inline void clear(const System* s, i32 first, i32 end) noexcept nogil:
    """Clear the sums of the nodes first .. end-1 and load the blocks of those with several or varying entries."""
    memset(s.block + 6 * first, 0, 6 * (end - first) * sizeof(f64))
    load_slots(s, first, end)


cdef inline int eliminate(const System* s, i32 first, i32 end) noexcept nogil:
    """The rest of ``forward``: load and eliminate."""
    cdef i32 k
    cdef int odd = 0
    cdef f64 det, y0, y1
    cdef f64 d[6]
    cdef f64 inverse[4]
    for k in range(first, end):
        load_row(s, k, d)
        det = d[0] * d[3] - d[1] * d[2]
        odd ^= det < 0.0
        det = 1.0 / det if det != 0.0 else INFINITY      # singular: no number comes out, which the caller finds
        inverse[0] = d[3] * det
        inverse[1] = -d[1] * det
        inverse[2] = -d[2] * det
        inverse[3] = d[0] * det
        y0 = inverse[0] * d[4] + inverse[1] * d[5]
        y1 = inverse[2] * d[4] + inverse[3] * d[5]
        s.block[6 * k + 4] = y0
        s.block[6 * k + 5] = y1
        if not s.node[k].simple:
            update_general(s, k, inverse, y0, y1)
        elif s.node[k].parent >= 0:
            update_parent(s, k, inverse, y0, y1)
    return odd


cdef inline f64 zip_error(const System* s, i32 k, f64 e, f64 f) noexcept nogil:
    """Power mismatch that a step from the node's present voltage to e + jf leaves at a ZIP node."""
    cdef Injection old, new
    cdef f64 de = e - s.e[k], df = f - s.f[k], re, im
    inject(s, k, s.e[k], s.f[k], &old)
    inject(s, k, e, f, &new)
    re = new.i_re - old.i_re - (old.a_re * de - old.a_im * df) + (old.c_re * de + old.c_im * df)
    im = new.i_im - old.i_im - (old.a_re * df + old.a_im * de) + (old.c_im * de - old.c_re * df)
    return sqrt_((re * re + im * im) * (e * e + f * f))


cdef inline f64 backward(const System* s, i32 first, i32 end) noexcept nogil:
    """Substitute back: e, f become V' and ``step`` V' - V. The largest mismatch left at unregulated nodes."""
    cdef i32 k, x, j
    cdef f64 y0, y1, de, df, worst = 0.0
    cdef const f64* d
    for k in range(end - 1, first - 1, -1):
        d = s.block + 6 * k
        y0 = d[4]
        y1 = d[5]
        if not s.node[k].simple:
            for x in range(s.ptr[k], s.ptr[k + 1]):
                j = s.idx[x]
                d = s.slot + 8 * x
                y0 -= d[0] * s.e[j] + d[1] * s.f[j]
                y1 -= d[2] * s.e[j] + d[3] * s.f[j]
        elif s.node[k].parent >= 0:
            j = s.node[k].parent
            y0 -= d[0] * s.e[j] + d[1] * s.f[j]
            y1 -= d[2] * s.e[j] + d[3] * s.f[j]
        de = y0 - s.e[k]
        df = y1 - s.f[k]
        worst = max_(worst, s.weight[k] * (de * de + df * df))
        if s.role[k] == ZIP:
            worst = max_(worst, zip_error(s, k, y0, y1))
        s.e[k] = y0
        s.f[k] = y1
        s.step[2 * k] = de
        s.step[2 * k + 1] = df
    return worst


cdef inline f64 regulated_error(const System* s, i32 first, i32 end) noexcept nogil:
    """Mismatch a full step left at regulated nodes, P and |V|^2: both quadratic in the step.

    Brings ``current`` up to date with the new voltage.
    """
    cdef i32 k
    cdef f64 worst = 0.0, de, df
    cdef f64* change = s.block     # free between a step and the next
    currents(s, first, end, s.step, s.step + 1, 2, change, False)
    for k in range(first, end):
        s.current[2 * k] += change[2 * k]
        s.current[2 * k + 1] += change[2 * k + 1]
        if s.role[k] == REGULATED:
            de = s.step[2 * k]
            df = s.step[2 * k + 1]
            worst = max_(worst, abs_(de * change[2 * k] + df * change[2 * k + 1]))
            worst = max_(worst, de * de + df * df)
    return worst


cdef inline f64 squared_mismatch(const System* s, i32 first, i32 end) noexcept nogil:
    """Sum of squared mismatches at the present voltage: P and Q, or P and |V|^2. Fills ``current``."""
    cdef i32 k
    cdef f64 total = 0.0, re, im, e, f
    cdef Injection inj
    currents(s, first, end, s.e, s.f, 1, s.current, True)
    for k in range(first, end):
        e = s.e[k]
        f = s.f[k]
        re = s.current[2 * k]
        im = s.current[2 * k + 1]
        if s.role[k] == REGULATED:
            re = e * re + f * im - s.p[k]
            im = e * e + f * f - s.v_set2[k]
            total += re * re + im * im
            continue
        if s.role[k] != IDLE:
            inject(s, k, e, f, &inj)
            re -= inj.i_re
            im -= inj.i_im
        total += (re * re + im * im) * (e * e + f * f)
    return total


# ---- a real symmetric matrix on the same kind of schedule: DC angles, flows through couplers ---------------------

cdef inline void factor_symmetric(const i32* ptr, const i32* idx, const i32* pair_ptr, const i32* pair, i32 first,
                                  i32 end, f64* diagonal, f64* entry) noexcept nogil:
    """L D L^T in place: ``entry`` holds the upper triangle and ends as L^T, ``diagonal`` ends as 1/D."""
    cdef i32 k, x, z
    cdef const i32* target
    cdef f64 scaled
    for k in range(first, end):
        diagonal[k] = 1.0 / diagonal[k] if diagonal[k] != 0.0 else 0.0     # start values only: leave that row alone
        target = pair + pair_ptr[k]
        for x in range(ptr[k], ptr[k + 1]):
            scaled = entry[x] * diagonal[k]
            diagonal[idx[x]] -= scaled * entry[x]
            for z in range(ptr[k], x):
                entry[target[0]] -= scaled * entry[z]
                target += 1
        for x in range(ptr[k], ptr[k + 1]):
            entry[x] *= diagonal[k]


cdef inline void solve_symmetric(const i32* ptr, const i32* idx, i32 first, i32 end, const f64* diagonal,
                                 const f64* entry, f64* x) noexcept nogil:
    """Solve with the factors of factor_symmetric; x holds the right side and ends as the solution."""
    cdef i32 k, z
    for k in range(first, end):
        for z in range(ptr[k], ptr[k + 1]):
            x[idx[z]] -= entry[z] * x[k]
    for k in range(end - 1, first - 1, -1):
        x[k] *= diagonal[k]
        for z in range(ptr[k], ptr[k + 1]):
            x[k] -= entry[z] * x[idx[z]]
