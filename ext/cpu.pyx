"""Which instruction set this processor can run."""

cdef extern from *:
    """
    static int twin_cpu_level(void) {
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
      __builtin_cpu_init();
      if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
            && __builtin_cpu_supports("fma"))) return 1;
      if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))) return 3;
      return 4;
    #else
      return 1;
    #endif
    }
    """
    int twin_cpu_level()


def level() -> int:
    """The x86-64 micro-architecture level: 1 (baseline), 3 or 4; 1 on any other processor."""
    return twin_cpu_level()
