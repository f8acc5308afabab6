"""Random trouble: a few verbs on random assets at random moments, drawn from a seed."""

import numpy as np

import twin
from tests.runs.worlds import entry

STARTS = ("2028-01-12T18:00", "2028-04-10T09:00", "2028-07-14T10:00", "2028-07-14T17:00", "2028-10-03T05:00")
HOURS = 5


def _entry(random: np.random.Generator, plan: twin.plan.Plan) -> str:
    """One timeline entry at a random moment of the middle hours."""
    at_s = random.integers(1800, (HOURS - 2) * 3600) + (random.integers(1000) / 1000 if random.random() < 0.5 else 0)
    switches = [name for name, asset in plan.assets.items() if asset.switches]
    failing = [name for name, asset in plan.assets.items() if asset.places.keys() & {"in_service", "unit"}]
    derated = [name for name, asset in plan.assets.items() if asset.places.get("derate")]
    verb = ("open", "trip", "fail", "fail", "derate", "set")[random.integers(6)]
    names = {"open": switches, "trip": switches, "fail": failing, "derate": derated, "set": list(plan.inputs)}[verb]
    # half of the time something large: every tenth asset of a kind would else be a container
    large = [
        name for name in names if plan.assets.get(name) is None or plan.assets[name].kind not in ("container", "row")
    ]
    what = str(random.choice(large or names))
    value = round(float(random.random()), 3) if verb in ("derate", "set") else None
    if verb == "set" and what.endswith("_mw"):
        value *= 900.0
    duration = f"{random.integers(1, 90)}min" if random.random() < 0.7 else None
    return entry(f"{at_s:.3f}s", verb, what, value, duration)


def story(seed: int, plan: twin.plan.Plan, count: int = 2) -> str:
    """A start, a horizon of a few hours, and ``count`` entries."""
    random = np.random.Generator(np.random.Philox(seed))
    start = STARTS[random.integers(len(STARTS))]
    head = f"[run]\nstart = {start}:00+08:00\ndays = {HOURS / 24:.17g}\nseed = {seed}\n"
    return head + "".join(_entry(random, plan) for _ in range(count))
