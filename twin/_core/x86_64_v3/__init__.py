"""Kernels built for the instruction set ``x86_64_v3``; chosen by ``twin._core``."""
