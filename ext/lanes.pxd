"""Sums and extremes of a column in eight lanes: no chain of waits, and the same bits on every instruction set.

The order of the additions is part of the result: element i goes to lane i mod 8, and the lanes are folded in halves.
"""

from .types cimport f64, f64_cr, i64, max_

cdef enum:
    LANES = 8


cdef inline f64 total(i64 n, f64_cr x) noexcept nogil:
    """Sum of ``n`` numbers."""
    cdef f64 lane[LANES]
    cdef i64 i, turn, whole = n - n % LANES
    cdef int k
    for k in range(LANES):
        lane[k] = 0.0
    for turn in range(n // LANES):
        i = turn * LANES
        for k in range(LANES):
            lane[k] += x[i + k]
    for i in range(whole, n):
        lane[i - whole] += x[i]
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]))


cdef inline f64 largest(i64 n, f64_cr x, f64 floor) noexcept nogil:
    """The largest of ``n`` numbers and ``floor``."""
    cdef f64 lane[LANES]
    cdef i64 i, turn, whole = n - n % LANES
    cdef int k
    for k in range(LANES):
        lane[k] = floor
    for turn in range(n // LANES):
        i = turn * LANES
        for k in range(LANES):
            lane[k] = max_(x[i + k], lane[k])
    for i in range(whole, n):
        lane[i - whole] = max_(x[i], lane[i - whole])
    for k in range(LANES // 2):
        lane[k] = max_(lane[k], lane[k + LANES // 2])
    return max_(max_(lane[0], lane[2]), max_(lane[1], lane[3]))


cdef inline f64 worst_of(i64 n, f64_cr x) noexcept nogil:
    """The largest of ``n`` residuals >= 0; no number where one of them is none, so that an audit cannot pass it."""
    return largest(n, x, 0.0) + 0.0 * total(n, x)
