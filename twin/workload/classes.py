"""The five classes of the generator: numbers only, each with where it comes from.

Shapes follow published traces; where they are silent (a site of 500,000 GPUs has none) the numbers are a judgement,
chosen so that the default mix gives 1–2 million explicit jobs a year at 504,000 GPUs, none below 1 GPU-hour.
In Philly 77 % of jobs lie below that and hold 1.7 % of GPU time: they are left to cohorts, not simulated one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from twin.workload.assume import CHECKPOINT_MS
from twin.workload.laws import Lognormal

H = 3600.0
DAY = 24 * H

LONGEST_S = 60 * DAY
"""Run times are cut off here; the longest Philly jobs (p99.9 = 13.7 d) lie well below."""

LEAST_GPU_S = 3600.0
"""1 GPU-hour: smaller jobs belong to cohorts."""

# Submissions of Helios Venus by local hour and weekday (Monday first), times the mean; 246,616 jobs in 182 days
# (10-minute throughput published with Lucid).
HOUR_FACTORS = (
    0.90, 0.66, 0.60, 0.38, 0.27, 0.21, 0.19, 0.22, 0.37, 0.80, 1.29, 1.47,
    1.16, 1.30, 1.56, 1.66, 1.73, 1.73, 1.28, 1.31, 1.34, 1.36, 1.15, 1.04,
)  # fmt: skip
WEEKDAY_FACTORS = (1.03, 1.07, 1.28, 1.21, 0.95, 0.68, 0.78)

NOISE_SHAPE = 1.3
NOISE_CORRELATION = 0.4
"""Gamma shape and hour-to-hour correlation (of the normal score) of the rate: with the two tables above they give
Venus' hourly variance/mean 39.3 and autocorrelation .48/.24/.28 at 1/24/168 h (38.8 and .48/.21/.23)."""

BATCH_STOP = 0.92
"""Jobs come in geometric batches; 8 % of Philly's gaps are 0 s."""


@dataclass(frozen=True)
class Marks:
    """What every job of a class gets besides size and run time."""

    utilisation: tuple[float, float]
    """Range of the mean utilisation while running, uniform; times the power at full tilt."""
    tier_bounds: tuple[float, float, float]
    """Share of jobs in tiers ≤ 0, ≤ 1 and ≤ 2. All tiers are a judgement."""
    checkpoint_ms: int
    request_factor: tuple[float, float]
    """Requested over actual run time, uniform; 1 means that run times are known. A judgement: people overestimate
    by a factor of a few (Mu'alem and Feitelson 2001, from memory)."""


@dataclass(frozen=True)
class ArrivalClass:
    """Jobs that people and pipelines submit one by one."""

    name: str
    number: int
    """Part of the job ids; never changes."""
    sizes: tuple[tuple[int, float], ...]
    """GPUs and share of jobs."""
    durations: tuple[Lognormal, ...]
    human: float
    """How far hour and weekday shape the rate: 1 as Venus, 0 not at all."""
    marks: Marks


@dataclass(frozen=True)
class LaneClass:
    """Capacity that is handed from one long job to the next: reserved partitions, replica pools."""

    name: str
    number: int
    sizes: tuple[tuple[int, float], ...]
    """GPUs and share of lanes, drawn until the class's share of the site is full; see ``fractions``."""
    fractions: tuple[float, ...]
    """Where given, the lanes as shares of the class's GPUs instead, smallest first."""
    durations: tuple[Lognormal, ...]
    gap_mean_s: float
    """Mean (exponential) time between two jobs of a lane."""
    marks: Marks


PRETRAINING = LaneClass(
    "pretraining", 1,
    sizes=(),
    # At 504,000 GPUs: one run of 95,000 GPUs, two of 29,000, four of 9,500, sixteen of 2,000–4,000; 10³ jobs a year.
    fractions=(0.01,) * 8 + (0.015,) * 8 + (0.04,) * 4 + (0.12,) * 2 + (0.40,),
    durations=(Lognormal(0.6, 12 * H, 1.2), Lognormal(0.4, 12 * DAY, 0.7)),
    gap_mean_s=3 * H,
    marks=Marks((0.85, 0.95), (0.0, 1.0, 1.0), CHECKPOINT_MS, (1.1, 1.5)),
)  # fmt: skip

FINETUNING = ArrivalClass(
    "finetuning", 2,
    sizes=(
        (8, 0.35), (16, 0.20), (32, 0.17), (64, 0.13), (72, 0.05), (128, 0.05), (256, 0.03),
        (512, 0.015), (1024, 0.005),
    ),
    durations=(Lognormal(0.6, 3 * H, 1.2), Lognormal(0.4, 20 * H, 1.0)),
    human=1.0,
    marks=Marks((0.60, 0.80), (0.0, 0.2, 1.0), CHECKPOINT_MS, (1.2, 3.0)),
)  # fmt: skip

EVALUATION = ArrivalClass(
    "evaluation", 3,
    sizes=((1, 0.35), (2, 0.10), (4, 0.15), (8, 0.32), (16, 0.05), (32, 0.03)),
    durations=(Lognormal(0.7, 0.5 * H, 1.2), Lognormal(0.3, 8 * H, 1.6)),
    human=1.0,
    marks=Marks((0.30, 0.70), (0.0, 0.0, 0.5), 0, (1.2, 4.0)),
)  # fmt: skip

BATCH_INFERENCE = ArrivalClass(
    "batch_inference", 4,
    sizes=((8, 0.30), (16, 0.20), (32, 0.20), (64, 0.15), (72, 0.05), (128, 0.06), (256, 0.04)),
    durations=(Lognormal(0.5, 2 * H, 1.0), Lognormal(0.5, 10 * H, 1.0)),
    human=0.3,
    # Offline inference runs near full tilt: MLPerf inference v5.1, 8 × B200, llama3.1-405b offline 10.1 of 10.5 kW.
    marks=Marks((0.70, 0.90), (0.0, 0.0, 0.1), 300_000, (1.1, 2.0)),
)  # fmt: skip

SERVICE = LaneClass(
    "service", 5,
    sizes=((8, 0.30), (16, 0.20), (32, 0.15), (64, 0.15), (144, 0.08), (288, 0.06), (576, 0.04), (1152, 0.02)),
    fractions=(),
    durations=(Lognormal(1.0, 21 * DAY, 0.8),),
    gap_mean_s=0.0,
    # Online inference .4–.6, its day shape left to the load model. A replica keeps no work: a minute is lost at most.
    marks=Marks((0.40, 0.60), (0.7, 1.0, 1.0), 60_000, (1.0, 1.0)),
)  # fmt: skip

ARRIVALS = (FINETUNING, EVALUATION, BATCH_INFERENCE)
LANES = (PRETRAINING, SERVICE)
