"""What a scenario says about the weather: the ``[weather]`` table, and where the site lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DustStrength = Literal["blowing", "storm", "severe"]


@dataclass(frozen=True)
class Place:
    """Where the site lies and what its clocks show.

    Latitude is positive to the north, longitude to the east; ``utc_offset_h`` is the site's fixed clock offset
    (China: 8), which defines site-local days.
    """

    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    utc_offset_h: float

    @property
    def utc_offset_ms(self) -> int:
        """Site clock minus UTC, rounded to a whole minute."""
        return round(self.utc_offset_h * 60) * 60_000

    @property
    def solar_offset_h(self) -> float:
        """Local mean solar time minus site clock: −0.99 h in Zhongwei, where the sun culminates near 13:00."""
        return self.longitude_deg / 15.0 - self.utc_offset_h


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HeatWave(_Table):
    """Some days whose hottest minute is given: the temperatures of the window are shifted as one."""

    from_day: int = Field(ge=0, description="first site-local day, counted from the day of the start, which is 0")
    days: int = Field(default=1, ge=1, description="how many days it lasts")
    peak_c: float = Field(ge=-60.0, le=60.0, description="temperature of the hottest minute of the window")


class DustStorm(_Table):
    """A dust storm that the scenario orders, on top of those the generator draws."""

    from_day: int = Field(ge=0, description="site-local day it begins, counted from the day of the start, which is 0")
    start_h: float = Field(default=10.0, ge=0.0, lt=24.0, description="hour of the site clock at which it begins")
    duration_h: float = Field(default=6.0, gt=0.0, le=96.0, description="from first to last dust")
    strength: DustStrength = Field(default="storm", description="blowing dust, dust storm, severe dust storm")


class WeatherConfig(_Table):
    """The ``[weather]`` table of a scenario."""

    source: Literal["synthetic", "epw", "daily", "csv"] = Field(
        default="synthetic",
        description="synthetic: seeded generator calibrated on Zhongwei; epw: EnergyPlus hourly year; "
        "daily: real daily sums of radiation, spread over the minutes; csv: a table with time stamps",
    )
    path: str | None = Field(
        default=None, description="the file, relative to the scenario's folder (.gz, .xz read too)"
    )
    station: int | None = Field(default=None, description="daily: the station, where the file holds several")
    as_year: int | None = Field(
        default=None, description="daily: the calendar year of the file that is played in the first year of the run"
    )
    fill: Literal["none", "synthetic"] = Field(
        default="none", description="daily: what stands in for days the file lacks; none makes them an error"
    )
    texture: Literal["clouds", "smooth"] = Field(
        default="clouds", description="how a day's radiation is spread: with passing clouds, or as a clear day scaled"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="csv: our column name to the file's, such as ghi_w_m2 = 'G(h)'"
    )
    time_zone: str | None = Field(
        default=None, description="csv: zone of time stamps that carry none: '+08:00', 'UTC' or 'Asia/Shanghai'"
    )
    stamp: Literal["start", "end"] = Field(
        default="start", description="csv: whether a time stamp names the start or the end of its interval"
    )
    ghi_factor: float = Field(default=1.0, gt=0.0, le=1.5, description="multiplies global, beam and diffuse radiation")
    temp_offset_k: float = Field(default=0.0, ge=-30.0, le=30.0, description="added to the air temperature")
    wind_factor: float = Field(
        default=1.6, gt=0.0, le=4.0, description="generator: wind at the plant over wind in town at 10 m"
    )
    gust_factor: float = Field(default=1.6, ge=1.0, le=3.0, description="gust over mean wind, where no gust is given")
    linke_turbidity: tuple[float, ...] | None = Field(
        default=None, description="twelve monthly Linke turbidities of the clear sky; none: those of Zhongwei"
    )
    dust: bool = Field(default=True, description="whether the generator draws dust events")
    heat_waves: tuple[HeatWave, ...] = Field(default=(), description="windows with a given hottest minute")
    dust_storms: tuple[DustStorm, ...] = Field(default=(), description="dust storms the scenario orders")

    @model_validator(mode="after")
    def _path_belongs_to_a_file(self) -> Self:
        if self.source == "synthetic" and self.path is not None:
            raise ValueError("the synthetic source reads no path; write source = 'epw', 'daily' or 'csv'")
        if self.source != "synthetic" and self.path is None:
            raise ValueError(f"source = {self.source!r} needs a path")
        return self

    @model_validator(mode="after")
    def _turbidity_has_twelve_months(self) -> Self:
        months = self.linke_turbidity
        if months is not None and (len(months) != 12 or min(months) < 1.0 or max(months) > 12.0):
            raise ValueError("linke_turbidity needs twelve values between 1 and 12")
        return self
