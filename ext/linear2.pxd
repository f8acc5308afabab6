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


cdef inline f64 phi(f64 x) noexcept nogil:
    """(e^x − 1)/x near 0, where the difference would lose digits; within 2e-14 up to |x| = 0.02."""
    return 1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0)))))


cdef inline Step2 step2(f64 trace, f64 det, f64 h_s) noexcept nogil:
    """Coefficients for A with ``trace`` < 0 and 0 < ``det`` <= trace²/4 over ``h_s`` seconds.

    Both forms of each quotient, plain and for small arguments, are computed and one is chosen, so that loops over
    assets vectorise. The two eigenvalues' reciprocals come from one division: 1/l1 = l2/det. Of a stiff pair the slow
    one is −det/(s + d), since d − s would lose the digits in which the two are alike.
    """
    cdef Step2 r
    cdef f64 s = -0.5 * trace
    cdef f64 d = sqrt_(max_(s * s - det, 1e-14 * s * s))
    cdef f64 per = 1.0 / (d * (s + d))
    cdef f64 l1 = d - s if d < 0.5 * s else -det * d * per
    cdef f64 l2 = -s - d
    cdef f64 e1 = exp_(l1 * h_s)
    cdef f64 e2 = exp_(l2 * h_s)
    cdef f64 half = 0.5 * (s + d) * per
    cdef f64 over = 1.0 / det
    cdef f64 h1 = (e1 - 1.0) * (l2 * over)
    cdef f64 h2 = (e2 - 1.0) * (l1 * over)
    cdef f64 n1 = h_s * phi(l1 * h_s)
    cdef f64 n2 = h_s * phi(l2 * h_s)
    cdef f64 narrow = e2 * h_s * phi(2.0 * d * h_s)
    cdef f64 wide = (e1 - e2) * half
    r.f1 = wide if d * h_s > 0.01 else narrow
    r.f0 = e1 - l1 * r.f1
    h1 = h1 if l1 * h_s < -0.02 else n1
    h2 = h2 if l2 * h_s < -0.02 else n2
    r.g1 = (h1 - h2) * half
    r.g0 = h1 - l1 * r.g1
    return r
