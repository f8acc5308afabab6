"""Vectors of doubles as wide as the processor's registers, for kernels that solve several cases side by side.

A lane never looks at its neighbours: whatever the width, each gives the bits it would give alone. To Cython a ``vec``
is a double; what has another spelling for vectors (quotients, constants, choices) is a function here.
"""

from .types cimport f64, i64

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__AVX512F__)
    #define TWIN_WIDTH 8
    #elif defined(__AVX__)
    #define TWIN_WIDTH 4
    #else
    #define TWIN_WIDTH 2
    #endif
    /* aligned as a double: a vector may stand in a Python object; where memory is aligned it costs nothing */
    typedef double twin_vec __attribute__((vector_size(8 * TWIN_WIDTH), aligned(8), may_alias));
    typedef int64_t twin_mask __attribute__((vector_size(8 * TWIN_WIDTH), aligned(8), may_alias));

    /* four doubles on every processor, where the number of lanes belongs to the data */
    typedef double twin_quad __attribute__((vector_size(32), aligned(8), may_alias));
    typedef int64_t twin_quad_mask __attribute__((vector_size(32), aligned(8), may_alias));
    static inline twin_quad twin_quad_splat(double x) { return x - (twin_quad){0}; }
    static inline twin_quad twin_quad_inverse(twin_quad a) { return 1.0 / a; }
    static inline twin_quad twin_quad_abs(twin_quad a) {
      twin_quad_mask sign = (twin_quad_mask){INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
      return (twin_quad)(~sign & (twin_quad_mask)a);
    }
    static inline twin_quad twin_quad_max(twin_quad a, twin_quad b) {
      twin_quad_mask m = a > b;
      return (twin_quad)((m & (twin_quad_mask)a) | (~m & (twin_quad_mask)b));
    }
    static inline int twin_quad_odd(twin_quad a) { return ((a[0] < 0) ^ (a[1] < 0)) ^ ((a[2] < 0) ^ (a[3] < 0)); }

    static inline twin_vec twin_splat(double x) { return x - (twin_vec){0}; }
    static inline twin_vec twin_quotient(twin_vec a, twin_vec b) { return a / b; }
    static inline twin_vec twin_inverse(twin_vec a) { return 1.0 / a; }
    static inline twin_vec twin_choose(twin_mask m, twin_vec a, twin_vec b) {
      return (twin_vec)((m & (twin_mask)a) | (~m & (twin_mask)b));
    }
    static inline twin_vec twin_vmax(twin_vec a, twin_vec b) { return twin_choose(a > b, a, b); }
    static inline twin_vec twin_vmin(twin_vec a, twin_vec b) { return twin_choose(a < b, a, b); }
    static inline twin_vec twin_vabs(twin_vec a) {
      twin_mask sign = (twin_mask)twin_splat(-0.0);
      return (twin_vec)(~sign & (twin_mask)a);
    }
    /* the sign of each product, gathered by exclusive or */
    static inline twin_vec twin_signs(twin_vec a, twin_vec b) { return (twin_vec)((twin_mask)a ^ (twin_mask)b); }
    static inline twin_mask twin_less(twin_vec a, twin_vec b) { return a < b; }
    static inline twin_mask twin_negative(twin_vec a) { return (twin_mask)a < 0; }  /* by the sign bit */
    static inline twin_mask twin_injecting(twin_vec a, twin_vec b) { return (a != 0.0) | (b != 0.0); }
    static inline int twin_all_zero(twin_vec a, twin_vec b) {
      twin_mask m = twin_injecting(a, b);
      int64_t any = 0;
      for (int i = 0; i < TWIN_WIDTH; i++) any |= m[i];
      return any == 0;
    }
    /* element i of as many rows as there are lanes */
    static inline twin_vec twin_column(const double *const *row, int64_t i) {
    #if TWIN_WIDTH == 8
      return (twin_vec){row[0][i], row[1][i], row[2][i], row[3][i], row[4][i], row[5][i], row[6][i], row[7][i]};
    #elif TWIN_WIDTH == 4
      return (twin_vec){row[0][i], row[1][i], row[2][i], row[3][i]};
    #else
      return (twin_vec){row[0][i], row[1][i]};
    #endif
    }
    /* and back: (a, b) of each lane to places 2i and 2i + 1 of its row */
    typedef double twin_pair __attribute__((vector_size(16), aligned(8), may_alias));
    static inline void twin_put_pairs(double *const *row, int64_t i, twin_vec a, twin_vec b) {
      for (int k = 0; k < TWIN_WIDTH; k++) *(twin_pair *)(row[k] + 2 * i) = (twin_pair){a[k], b[k]};
    }
    """
    enum: WIDTH "TWIN_WIDTH"
    ctypedef f64 vec "twin_vec"
    ctypedef i64 mask "twin_mask"
    vec splat "twin_splat"(f64) noexcept nogil
    vec quotient "twin_quotient"(vec, vec) noexcept nogil
    vec inverse_of "twin_inverse"(vec) noexcept nogil
    vec choose "twin_choose"(mask, vec, vec) noexcept nogil
    vec vmax "twin_vmax"(vec, vec) noexcept nogil
    vec vmin "twin_vmin"(vec, vec) noexcept nogil
    vec vabs "twin_vabs"(vec) noexcept nogil
    vec signs "twin_signs"(vec, vec) noexcept nogil
    mask less "twin_less"(vec, vec) noexcept nogil
    mask negative "twin_negative"(vec) noexcept nogil
    mask injecting "twin_injecting"(vec, vec) noexcept nogil
    bint all_zero "twin_all_zero"(vec, vec) noexcept nogil
    vec column "twin_column"(const f64* const*, i64) noexcept nogil
    void put_pairs "twin_put_pairs"(f64* const*, i64, vec, vec) noexcept nogil
    ctypedef f64 quad "twin_quad"
    quad quad_splat "twin_quad_splat"(f64) noexcept nogil
    quad quad_inverse "twin_quad_inverse"(quad) noexcept nogil
    quad quad_abs "twin_quad_abs"(quad) noexcept nogil
    quad quad_max "twin_quad_max"(quad, quad) noexcept nogil
    bint quad_odd "twin_quad_odd"(quad) noexcept nogil
