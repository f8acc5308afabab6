"""Another simulator's loop: advance a quarter of an hour, read, write a set-point."""

import twin

scenario = twin.Scenario.read("scenarios/base/zhongwei.toml", overrides={"run.days": 1})
with twin.Run(scenario) as run:
    run.advance("10h")
    for _ in range(4):
        run.advance("15min")
        export_mw = -run.read("grid.p_mw")
        print(f"{run.now:%H:%M} UTC  export {export_mw:4.0f} MW  storage {run.read('battery.soc'):.2f}")
        run.write("grid-tie.export_limit_mw", 100.0)  # from now on
