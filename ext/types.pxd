"""Types, status codes and elementary functions that every kernel shares. Header only: nothing here is exported.

``exp_`` and ``log_`` are our own so that every instruction set gives the same bits: the C library picks another
variant on another processor. Both are branch-free, so that loops over assets vectorise.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint64_t

ctypedef double f64
ctypedef int64_t i64
ctypedef int32_t i32
ctypedef int8_t i8
ctypedef uint8_t u8

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #include <math.h>

    typedef double *restrict f64_r;            /* a column no other pointer of the loop overlaps */
    typedef const double *restrict f64_cr;

    static inline double twin_exp(double x) {  /* 1-2 ulp on [-700, 700], held constant beyond */
      x = x < -700.0 ? -700.0 : x;
      x = x > 700.0 ? 700.0 : x;
      double t = x * 1.4426950408889634 + 6755399441055744.0;
      double k = t - 6755399441055744.0;
      double r = x - k * 6.93147180369123816490e-01 - k * 1.90821492927058770002e-10;
      double r2 = r * r, r4 = r2 * r2;
      double p01 = 1.0 + r, p23 = 0.5 + r * 1.66666666666666666667e-1;
      double p45 = 4.16666666666666666667e-2 + r * 8.33333333333333333333e-3;
      double p67 = 1.38888888888888888889e-3 + r * 1.98412698412698412698e-4;
      double p89 = 2.48015873015873015873e-5 + r * 2.75573192239858906526e-6;
      double pab = 2.75573192239858906526e-7 + r * 2.50521083854417187751e-8;
      double p = (p01 + r2 * p23) + r4 * ((p45 + r2 * p67) + r4 * (p89 + r2 * pab));
      int64_t b;
      memcpy(&b, &t, 8);
      b = (int64_t)((uint64_t)b << 52) + 0x3ff0000000000000LL;
      double s;
      memcpy(&s, &b, 8);
      return p * s;
    }

    static inline double twin_log(double x) {  /* 1-2 ulp for normal x > 0 */
      /* unsigned shifts only, and an integer turned into a double by its bits: AVX2 has no other form of either */
      uint64_t b, mb, kb;
      memcpy(&b, &x, 8);
      b -= 0x3fe6a09e667f3bcdULL;
      mb = (b & 0x000fffffffffffffULL) + 0x3fe6a09e667f3bcdULL;
      kb = ((b + 0x4000000000000000ULL) >> 52) | 0x4330000000000000ULL;
      double m, k;
      memcpy(&m, &mb, 8);
      memcpy(&k, &kb, 8);
      k -= 4503599627371520.0;
      double s = (m - 1.0) / (m + 1.0), z = s * s, z2 = z * z, z4 = z2 * z2;
      double p = (2.0 + z * 0.66666666666666666) + z2 * (0.4 + z * 0.28571428571428571)
               + z4 * ((0.22222222222222222 + z * 0.18181818181818182)
               + z2 * (0.15384615384615385 + z * 0.13333333333333333));
      return s * p + k * 0.6931471805599453;
    }

    static inline double twin_min(double a, double b) { return a < b ? a : b; }
    static inline double twin_max(double a, double b) { return a > b ? a : b; }
    static inline double twin_worse(double a, double b) { return a >= b || a != a ? a : b; }  /* the larger; keeps NaN */
    static inline double twin_abs(double a) { return a < 0.0 ? -a : a; }
    static inline double twin_sqrt(double a) { return __builtin_sqrt(a); }
    """
    ctypedef double* f64_r
    ctypedef const double* f64_cr
    double exp_ "twin_exp"(double) noexcept nogil
    double log_ "twin_log"(double) noexcept nogil
    double min_ "twin_min"(double, double) noexcept nogil
    double max_ "twin_max"(double, double) noexcept nogil
    double worse "twin_worse"(double, double) noexcept nogil
    double abs_ "twin_abs"(double) noexcept nogil
    double sqrt_ "twin_sqrt"(double) noexcept nogil

# What a kernel answers. twin/_core/__init__.py maps each code to an exception and a sentence.
cdef enum Status:
    OK = 0
    NOT_CONVERGED = 1
    COLLAPSE = 2
    DEAD = 3
    SINGULAR = 4
    BAD_INPUT = 5
    AUDIT = 6
    FULL = 7
