"""What is assumed about the jobs of a trace that does not tell: tier, power, checkpoints.

The rules see only the position of a job in the trace and its size, so a replay is the same on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.workload.jobs import Int64

GPUS_PER_RACK = 72
RACK_MAX_W = 132_000.0
RACK_IDLE_W = 34_000.0
"""NVL72-class rack: maximum 120–132 kW, idle 25–30 % of it (vendor figures, from memory)."""

FULL_TILT_W = (RACK_MAX_W - RACK_IDLE_W) / GPUS_PER_RACK
"""DC power above idle of one GPU at full tilt with its share of CPU and NVLink: 1,361 W.

A utilisation u adds u · FULL_TILT_W, the linear form of RAPS: P = u·P_max + (1 − u)·P_idle."""

CHECKPOINT_MS = 900_000
"""15 min: Young's √(2·δ·M) with δ = 30 s to write and M = 3.09 h between interruptions of a 16,384-GPU job
(Llama 3, arXiv 2407.21783) is 13.6 min."""

NODE_GPUS = 8
LARGE_GPUS = 64
"""From here on a job is taken for pre-training, from ``NODE_GPUS`` on for fine-tuning, below for evaluation."""

_UTILISATION = (0.5, 0.7, 0.9)
"""Mean while running of evaluation, fine-tuning (0.7) and pre-training (0.85–0.95); the first is a judgement."""

_CHECKPOINTS_MS = (0, CHECKPOINT_MS, CHECKPOINT_MS)

_TIER_BOUNDS = ((0.10, 0.50), (0.30, 0.80), (0.60, 0.95))
"""By group: share of jobs in tier 1, and in tiers 1 and 2 together."""


def group_of(size: Int64) -> Int64:
    """0 evaluation-like, 1 fine-tuning-like, 2 pre-training-like, by the size asked for in the trace."""
    return (size >= NODE_GPUS).astype(np.int64) + (size >= LARGE_GPUS)


def watts_per_gpu(size: Int64) -> Int64:
    """DC power above idle of each GPU, W: the group's utilisation of ``FULL_TILT_W``."""
    watts = [round(u * FULL_TILT_W) for u in _UTILISATION]
    return np.array(watts, dtype=np.int64)[group_of(size)]


def checkpoints_ms(size: Int64) -> Int64:
    """Every 15 min for training, none for what is smaller than a node of eight."""
    return np.array(_CHECKPOINTS_MS, dtype=np.int64)[group_of(size)]


def tiers(row: Int64, size: Int64) -> Int64:
    """Tier 1 to 3 by a hash of ``row`` (the position in the trace) and the job's group.

    Small jobs: 10 / 40 / 50 % in tiers 1 / 2 / 3; a node and more: 30 / 50 / 20 %; 64 GPUs and more: 60 / 35 / 5 %.
    Tier 0 is left to online services, which batch traces do not hold. The shares are a judgement.
    """
    share = np.array(_TIER_BOUNDS)[group_of(size)]
    u = _uniform(row)
    return 1 + (u >= share[:, 0]).astype(np.int64) + (u >= share[:, 1])


def _uniform(row: Int64) -> npt.NDArray[np.float64]:
    """A number in [0, 1) from each row number: SplitMix64 (Steele, Lea and Flood 2014), top 53 bits."""
    z = row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
