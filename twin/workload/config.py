"""The ``[workload]`` table of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Source = Literal[
    "synthetic", "swf", "philly", "acme", "helios", "alibaba", "batsim", "opendc", "csv", "parquet", "none"
]
TimeUnit = Literal["ms", "s", "min", "h"]


class ClassMix(BaseModel):
    """How the offered GPU time is split among the classes of the generator; must add up to 1.

    The default 55 / 30 / 15 of training, services and the rest is a judgement, not a measurement.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pretraining_share: float = Field(0.55, ge=0, le=1, description="Pre-training of large models")
    finetuning_share: float = Field(0.09, ge=0, le=1, description="Post-training and fine-tuning")
    evaluation_share: float = Field(0.015, ge=0, le=1, description="Evaluation and debugging, from 1 GPU-hour up")
    batch_inference_share: float = Field(0.045, ge=0, le=1, description="Batch inference and data generation")
    service_share: float = Field(0.30, ge=0, le=1, description="Pools of replicas of online services")

    @model_validator(mode="after")
    def _adds_up(self) -> ClassMix:
        total = sum(self.as_dict().values())
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares add up to {total:g}: expected 1")
        return self

    def as_dict(self) -> dict[str, float]:
        """Class name → share of the offered GPU time."""
        return {name.removesuffix("_share"): float(getattr(self, name)) for name in type(self).model_fields}


class WorkloadConfig(BaseModel):
    """Where jobs come from: a trace, or a seeded generator."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: Source = Field("synthetic", description="The generator, the format of a trace, or none for no jobs")
    path: str | None = Field(
        None,
        description="The trace, from the scenario's folder; .gz, .xz and .bz2 are read too",
    )

    align: Literal["start", "calendar"] = Field(
        "start", description="A trace's first job at the start of the run, or every job at its own date"
    )
    skip_days: float = Field(0.0, ge=0, description="With align = start: days of the trace passed over")
    scale_gpus: float = Field(
        1.0, gt=0, le=1e6, description="Multiplies the size of a trace's jobs, rounded half up, at least 1 GPU"
    )
    time_warp: float = Field(
        1.0,
        ge=1e-3,
        le=1e3,
        description="How many times faster a trace's submissions follow each other",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Ours to theirs for CSV and Parquet: submit, size, run, request, wait, status, user, pool, job, "
        "tier, power (W per GPU), checkpoint",
    )
    time_unit: TimeUnit = Field("s", description="Unit of the numeric times and durations of CSV and Parquet")
    time_zone: str = Field(
        "UTC", description="Zone of a trace's dates without an offset: a name such as Asia/Shanghai, or +08:00"
    )

    tier: int | None = Field(
        None, ge=0, le=3, description="Tier (0 most important … 3) of a trace's jobs that have none; else by rule"
    )
    watts_per_gpu: float | None = Field(
        None, ge=0, le=5000, description="DC power above idle of a busy GPU, W, for jobs without; else by size or class"
    )
    checkpoint_s: float | None = Field(
        None, ge=0, description="Interval between checkpoints for jobs without, 0 = none; else by size or class"
    )
    request_factor: float | None = Field(
        None, ge=1, description="Requested over actual run time for jobs without a request; else 1 in a trace, by class"
    )

    load_share: float = Field(
        0.85, ge=0, le=3, description="Offered load of the generator as a share of the site's GPUs"
    )
    class_mix: ClassMix = Field(default_factory=ClassMix, description="Split of the offered GPU time")
    jobs_per_day: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description="Explicit jobs a day of fine-tuning, evaluation and batch inference, in place of their load share",
    )
    warm_start: bool = Field(
        True, description="Submit at the start the jobs that would already be running, with what is left of them"
    )
    clock_offset_h: float = Field(
        8.0, ge=-12, le=14, description="Local clock of the people who submit, hours ahead of UTC"
    )
    ramp_days: tuple[float, ...] = Field((), description="Days since the start at which ramp_share holds, rising")
    ramp_share: tuple[float, ...] = Field(
        (), description="Share of the offered load in force at ramp_days, linear between, never falling; for build-out"
    )

    @model_validator(mode="after")
    def _ramp_rises(self) -> WorkloadConfig:
        if len(self.ramp_days) != len(self.ramp_share):
            raise ValueError("ramp_days and ramp_share differ in length: expected one share per day")
        if any(b <= a for a, b in zip(self.ramp_days, self.ramp_days[1:], strict=False)):
            raise ValueError("ramp_days must rise")
        if any(b < a for a, b in zip(self.ramp_share, self.ramp_share[1:], strict=False)):
            raise ValueError("ramp_share must not fall")
        if any(not 0 <= share <= 1 for share in self.ramp_share):
            raise ValueError("ramp_share must lie between 0 and 1")
        return self
