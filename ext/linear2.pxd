"""Two coupled linear nodes, exact in time: x' = A (x − x*) with constant inputs over a step.

With eigenvalues −s ± d, exp(A h) = f0 I + f1 A and its integral over the step is g0 I + g1 A. Written with
(e^x − 1)/x so that steps of a millisecond keep their digits.
"""

from .types cimport exp_, f64, max_, sqrt_

ctypedef struct Step2:
    f64 f0
    f64 f1
    f64 g0
    f64 g1


cdef inline f64 phi(f64 x, f64 ex) noexcept nogil:
    """(e^x − 1)/x, with ``ex`` = e^x given; a series near 0, where the difference would lose digits.

    Both branches are computed and one is chosen, so that loops over assets vectorise.
    """
    cdef f64 small = 1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0)))))
    cdef f64 safe = x if x * x > 4e-4 else 1.0
    cdef f64 plain = (ex - 1.0) / safe
    return plain if x * x > 4e-4 else small


cdef inline Step2 step2(f64 trace, f64 det, f64 h_s) noexcept nogil:
    """Coefficients for A with ``trace`` < 0 and 0 <= ``det`` <= trace²/4 over ``h_s`` seconds."""
    cdef Step2 r
    cdef f64 s = -0.5 * trace
    cdef f64 d = sqrt_(max_(s * s - det, 1e-14 * s * s))
    cdef f64 l1 = d - s
    cdef f64 l2 = -s - d
    cdef f64 e2 = exp_(l2 * h_s)
    cdef f64 e1 = exp_(l1 * h_s)
    cdef f64 half = 0.5 / d
    cdef f64 wide = (e1 - e2) * half
    cdef f64 narrow = e2 * h_s * phi(2.0 * d * h_s, 1.0)
    cdef f64 h1, h2
    r.f1 = wide if 2.0 * d * h_s > 0.02 else narrow
    r.f0 = e1 - l1 * r.f1
    h1 = h_s * phi(l1 * h_s, e1)
    h2 = h_s * phi(l2 * h_s, e2)
    r.g1 = (h1 - h2) * half
    r.g0 = h1 - l1 * r.g1
    return r
