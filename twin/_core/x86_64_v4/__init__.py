"""Kernels built for the instruction set ``x86_64_v4``; chosen by ``twin._core``."""
