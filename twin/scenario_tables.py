"""The tables of a scenario that are not things on the site: run, place, dispatch, timeline, expectations, record …

Checks of one field stand with the field; checks between fields stand in ``twin.scenario_checks``, so that they speak
even where another field is wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from twin.weather import WeatherConfig
from twin.workload import WorkloadConfig

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Table(BaseModel):
    """Base of the tables: frozen, no unknown keys, no infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RunConfig(Table):
    """``[run]``: when, how long, how fine."""

    start: AwareDatetime = Field(description="first moment, with its offset: the site's clock for the whole run")
    days: float = Field(gt=0, le=18_263, description="length of the run in days of 24 h; at most 50 years")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of every random stream")
    step_s: int = Field(60, ge=1, le=3_600, description="the grid of time steps, a divisor of 3600")
    fine_step_s: float = Field(1.0, ge=0.01, le=60, description="step inside a fine window, which a fault opens")
    fine_window_least_s: float = Field(60.0, ge=1, le=3_600, description="a fine window stays open at least so long")
    fine_window_most_s: float = Field(1_800.0, ge=1, le=86_400, description="a fine window is closed after so long")
    checkpoint_days: float = Field(1.0, gt=0, le=366, description="simulated time from one checkpoint to the next")


class PlaceConfig(Table):
    """The scalars of ``[site]``: where it lies."""

    name: Text = Field("site", description="name of the site")
    latitude_deg: float = Field(ge=-90, le=90, description="latitude, positive to the north")
    longitude_deg: float = Field(ge=-180, le=180, description="longitude, positive to the east")
    altitude_m: float = Field(0.0, ge=-500, le=6_000, description="height above the sea")


class DispatchConfig(Table):
    """``[dispatch]``: how battery, grid and jobs share what the sun gives. Defaults are choices of this model."""

    mode: Literal["self_consumption", "peak"] = Field(
        "self_consumption",
        description="self_consumption: the battery takes surplus sun and gives it back in the evening window; "
        "peak: it keeps the import at or below peak_import_mw",
    )
    import_limit_mw: float | None = Field(None, ge=0, description="most that is drawn from the grid; none: the tie's")
    export_limit_mw: float | None = Field(None, ge=0, description="most that is fed into the grid; none: the tie's")
    peak_import_mw: float | None = Field(None, ge=0, description="peak: the import above which the battery helps")
    soc_floor_share: float = Field(0.10, ge=0, le=1, description="state of charge kept for an outage of the grid")
    soc_ceiling_share: float = Field(1.0, ge=0, le=1, description="state of charge at which charging ends")
    charge_share: float = Field(1.0, ge=0, le=1, description="share of the batteries' charging power that is used")
    discharge_share: float = Field(
        1.0, ge=0, le=1, description="share of the batteries' discharging power that is used"
    )
    discharge_from_h: float = Field(18.0, ge=0, lt=24, description="hour of the site's clock at which discharge begins")
    discharge_to_h: float = Field(
        7.0, ge=0, le=24, description="hour of the site's clock at which it ends, next day too"
    )
    charge_from_grid_mw: float = Field(0.0, ge=0, description="power at which the grid charges batteries that are idle")
    cap_floor_share: float = Field(0.6, ge=0, le=1, description="jobs are slowed to this share before any is stopped")


class CommissioningEntry(Table):
    """``[[commission]]``: from when a part of the site is there."""

    what: Text = Field(description="glob of asset names, such as hall-0[1-3] or pv-*")
    at: Text = Field(description="date or time of the site's clock, or a duration from the start; may be before it")


Verb = Literal["open", "close", "trip", "set", "fail", "repair", "derate"]


class TimelineEntry(Table):
    """``[[timeline]]``: something that will happen."""

    at: Text = Field(description="when: '1d 12:00' on the site's clock, an ISO time, or a duration from the start")
    do: Verb = Field(description="what happens")
    what: Text = Field(description="the asset, switch or input it happens to")
    value: float | None = Field(None, description="set: the new value; derate: the share that is left")
    duration: Text | None = Field(None, description="after this time it is undone; none: it stays")


class ExpectEntry(Table):
    """``[[expect]]``: a verdict that the run carries; exactly one of the four bounds."""

    that: Text = Field(description="glob of channel names, such as hall-*.supply_c")
    below: float | None = Field(None, description="every value is below this")
    above: float | None = Field(None, description="every value is above this")
    at_most: float | None = Field(None, description="no value is above this")
    at_least: float | None = Field(None, description="no value is below this")
    from_: Text | None = Field(None, alias="from", description="first moment that counts; none: the start")
    to: Text | None = Field(None, description="moment from which nothing counts any more; none: the end")
    title: str = Field("", max_length=200, description="what it means, for the report")

    @property
    def bound(self) -> tuple[str, float]:
        """Which bound, and its limit: ``("below", 47.0)``."""
        bounds = {name: getattr(self, name) for name in BOUNDS}
        return next((name, limit) for name, limit in bounds.items() if limit is not None)


BOUNDS = ("below", "above", "at_most", "at_least")


class RecordWindow(Table):
    """``[[record.window]]``: a stretch recorded minute by minute."""

    from_: Text = Field(alias="from", description="first moment")
    to: Text = Field(description="moment it ends")
    channels: tuple[Text, ...] = Field(("*",), min_length=1, description="globs of channel names")


class RecordConfig(Table):
    """``[record]``: what is kept beyond hourly values of all and minutes of the site roll-up."""

    full_minute: bool = Field(False, description="every channel every minute, for the whole run")
    window: tuple[RecordWindow, ...] = Field((), description="stretches recorded minute by minute")


class SchedulerConfig(Table):
    """``[scheduler]``: which waiting job is next, and what becomes of jobs that lose their racks."""

    order: Literal["fcfs", "sjf", "ljf"] = Field(
        "fcfs", description="order of the queue: first come, shortest, longest"
    )
    backfill: Literal["none", "firstfit", "easy"] = Field("easy", description="which jobs may overtake the first")
    depth_count: int = Field(200, ge=0, le=100_000, description="jobs behind the first that a pass looks at")
    requeue: bool = Field(
        True, description="jobs that lose their racks go on from their last checkpoint, else they end"
    )


class FaultsConfig(Table):
    """``[faults]``: what fails by itself."""

    random: bool = Field(True, description="random faults and repairs of racks, pumps, inverters and containers")


TABLES: dict[str, type[BaseModel]] = {
    "run": RunConfig,
    "weather": WeatherConfig,
    "workload": WorkloadConfig,
    "scheduler": SchedulerConfig,
    "faults": FaultsConfig,
    "dispatch": DispatchConfig,
    "record": RecordConfig,
}
"""Tables that stand once."""
ARRAYS: dict[str, type[BaseModel]] = {
    "commission": CommissioningEntry,
    "timeline": TimelineEntry,
    "expect": ExpectEntry,
}
"""Arrays of tables."""
TEXTS = ("title", "description")
KNOWN = ("extends", *TEXTS, *TABLES, "site", *ARRAYS)
