"""Kernels built for the instruction set ``baseline``; chosen by ``twin._core``."""
