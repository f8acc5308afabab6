"""What if T2 were lost in the evening? Branch the run, break one branch, compare."""

import twin

scenario = twin.Scenario.read("scenarios/base/zhongwei.toml", overrides={"run.days": 1, "faults.random": False})
with twin.Run(scenario) as run:
    run.advance("21h")
    other = run.fork()
    run.inject("fail", "T2", duration="2h")
    for branch in (run, other):
        branch.advance("10min")
    print("T1 loading with T2 lost", round(run.read("T1.loading_pu"), 2), "else", round(other.read("T1.loading_pu"), 2))
    print(run.finish().events[["time", "kind", "asset", "text"]].head(4).to_string(index=False))
    other.close()
