"""Runs of places that lie side by side in the arena: what is recorded or watched, read without a gather."""

from .types cimport f64, f64_cr, i64

ctypedef struct Span:
    i64 first   # number of its first channel or guard
    i64 at      # place of that in the arena
    i64 n


cdef inline void read_spans(i64 n_span, const Span* span, const f64* values, const f64* scale, float* now) noexcept nogil:
    """Value of every channel, in its unit."""
    cdef i64 s, i
    cdef const f64* x
    cdef const f64* k
    cdef float* out
    for s in range(n_span):
        x = values + span[s].at
        k = scale + span[s].first
        out = now + span[s].first
        for i in range(span[s].n):
            out[i] = <float>(x[i] * k[i])


cdef inline i64 beyond(i64 n, f64_cr x, f64_cr limit, f64_cr sign) noexcept nogil:
    """How many of ``n`` values are beyond their limit; one that is no number counts."""
    cdef i64 i, hits = 0
    for i in range(n):
        hits += 0 if sign[i] * (x[i] - limit[i]) <= 0.0 else 1
    return hits
