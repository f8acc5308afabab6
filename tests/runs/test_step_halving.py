"""Halving the step: energy of ordinary days, and peak temperatures of a fine window; the observed order is printed."""

import math

import pytest

import twin
from tests.runs.worlds import entry, local, scenario

ENERGIES = ("it", "cooling", "losses", "grid_import", "battery_discharge", "solar_used")


def observed_order(coarse: float, middle: float, fine: float) -> float:
    """p of an error that goes with h^p, from three steps, each half of the one before; NaN where they agree."""
    first, second = abs(coarse - middle), abs(middle - fine)
    return math.log2(first / second) if first > 0.0 and second > 0.0 else math.nan


def energies(step_s: int, days: int) -> dict[str, float]:
    given = scenario(run__days=days, run__step_s=step_s, faults__random=False)
    summary = twin.simulate(given).summary
    energy = summary["energy_mwh"]
    load = sum(energy[name] for name in ("it", "cooling", "auxiliary", "losses"))
    return {name: energy[name] for name in ENERGIES} | {"load": load, "pue": summary["pue"]}


def check_energy(days: int) -> None:
    runs = {step_s: energies(step_s, days) for step_s in (120, 60, 30)}
    for name in runs[60]:
        coarse, middle, fine = (runs[step_s][name] for step_s in (120, 60, 30))
        order = observed_order(coarse, middle, fine)
        print(f"{name:18} 60 s {middle:14.3f}  60 to 30 s {fine / middle - 1.0:+.2e}  observed order {order:5.2f}")
        # cooling alone: when a bank of fans starts or stops is a matter of thresholds, a minute earlier or later
        assert fine == pytest.approx(middle, rel=2e-3 if name == "cooling" else 1e-3), name


def test_halving_the_step_of_a_minute_leaves_the_energy_of_three_days():
    check_energy(3)


@pytest.mark.long
def test_halving_the_step_of_a_minute_leaves_the_energy_of_a_year():
    check_energy(365)


def peak(fine_step_s: float) -> dict[str, float]:
    """Warmest coolant and dies of a hall that loses its facility water for eight seconds at 110 kW a rack."""
    text = entry("0d 01:00", "fail", "cooling-05", duration="8s") + "[site.rack_hall.hall]\nidle_kw = 110\n"
    given = scenario(text, run__days=1, run__fine_step_s=fine_step_s, workload__source="none", faults__random=False)
    with twin.Run(given) as run:
        run.advance(local("0d 02:00"))
        results = run.finish()
    names = ["hall-05.supply_c", "hall-05.die_max_c", "cooling-05.supply_c", "cooling-05.return_c"]
    hours = results.table(names, start=local("0d 01:00"), end=local("0d 02:00"), every="1h", stat="max")
    return {name: float(hours[name].iloc[0]) for name in names}


def test_halving_the_step_of_a_fine_window_leaves_its_peak_temperatures():
    runs = {step_s: peak(step_s) for step_s in (2.0, 1.0, 0.5)}
    for name in runs[1.0]:
        coarse, middle, fine = (runs[step_s][name] for step_s in (2.0, 1.0, 0.5))
        order = observed_order(coarse, middle, fine)
        print(f"{name:20} 1 s {middle:8.3f} °C  1 to 0.5 s {fine - middle:+.4f} K  observed order {order:5.2f}")
        assert fine == pytest.approx(middle, abs=0.2), name
