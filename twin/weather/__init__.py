"""Boundary data outdoors: weather by the minute, and the power it offers to the solar plant."""

from twin.weather.config import Place, WeatherConfig
from twin.weather.frame import Weather
from twin.weather.generate import weather_for
from twin.weather.solar import SolarDesign, SolarField, solar_for

__all__ = ["Place", "SolarDesign", "SolarField", "Weather", "WeatherConfig", "solar_for", "weather_for"]
