"""Three summer days of the whole site, in ten lines."""

import twin

scenario = twin.Scenario.read("scenarios/base/zhongwei.toml", seed=42)
results = twin.simulate(scenario)

energy, jobs = results.summary["energy_mwh"], results.summary["jobs"]
print(f"solar used {energy['solar_used']:.0f} MWh of {energy['solar_available']:.0f}, PUE {results.summary['pue']:.3f}")
print(f"{jobs['submitted']} jobs: {jobs['finished']} finished, {jobs['running']} running, {jobs['queued']} queued")
print(results.table(["battery.soc", "grid.p_mw"], every="12h").round(2).to_string())
