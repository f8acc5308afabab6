"""Verbs: what a timeline, a behaviour or a caller does to an asset, and what follows at once from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twin.errors import RunError
from twin.plan import Asset, nearest

if TYPE_CHECKING:
    from twin.plan import Plan

VERBS = ("open", "close", "trip", "set", "fail", "repair", "derate")


class Verbs:
    """The part of the world that moves switches and takes things out of service; mixed into World."""

    plan: Plan
    arena: Any
    plant: Any
    queue: Any
    network: Any
    standing: dict[str, int]
    overridden: dict[str, int]
    switched: list[int]
    failed_assets: dict[str, float]

    def act(
        self: Any, verb: str, what: str, *, value: float | None = None, cause: int | None = None, quiet: bool = False,
        text: str = "",
    ) -> int | None:  # fmt: skip
        """Do ``verb`` to ``what`` now. Return the number of the event it wrote, None when ``quiet``.

        Raise RunError for a verb the asset does not know, or a name that is not there.
        """
        if verb == "set":
            return _number(self._set(what, value, cause))
        asset = self.plan.assets.get(what)
        if asset is None:
            hint = nearest(what, self.plan.assets)
            raise RunError(f"no asset named {what!r}{'; ' + hint if hint else ''}")
        if verb in ("open", "trip", "close"):
            return _number(self._switch(asset, verb, cause, text))
        if verb == "derate":
            return _number(self._derate(asset, value, cause))
        if verb in ("fail", "repair"):
            return _number(self._serve(asset, verb, cause, quiet))
        raise RunError(f"no verb {verb!r}; there are {', '.join(VERBS)}")

    # ------------------------------------------------------------------ switches

    def closed(self: Any, branch: str) -> bool:
        """Whether the branch is closed."""
        return bool(self.network.arrays["closed"][self._branch_index(branch)])

    def _branch_index(self: Any, branch: str) -> int:
        return int(self.engine.branch_index[branch])

    def _switch(self: Any, asset: Asset, verb: str, cause: int | None, text: str) -> int | None:
        if not asset.switches:
            raise RunError(f"{asset.name} has no switch to {verb}")
        if verb == "close" and asset.name in self.failed_assets:
            return int(self.emit("refused", asset.name, "stays open: it has failed", priority=3, cause=cause))
        for branch in asset.switches:
            self.network.set_closed(self._branch_index(branch), verb == "close")
        words = text or {"open": "opened", "close": "closed", "trip": "tripped"}[verb]
        normal = all(self.plan.branches[branch].closed for branch in asset.switches)
        off_normal = (verb == "close") != normal
        seq = int(self.emit(verb, asset.name, words, priority=2 if off_normal else 0, cause=cause))
        if off_normal:
            self.stand(asset.name, seq)
        else:
            self.clear(asset.name)
        self.topology_changed(seq)
        return seq

    def topology_changed(self: Any, cause: int | None) -> None:
        """Find the islands again, tell of busbars that died or came back, wake who listens, step finely."""
        alive = self.arena.column("bus", "alive")
        before = alive.copy()
        self.switched = [self.now, cause or 0]
        self.plant.retopology()
        for name, index in self.plan.buses.items():
            if before[index] > 0.0 and alive[index] == 0.0:
                self._bus_died(name, cause)
            elif before[index] == 0.0 and alive[index] > 0.0 and name in self.standing:
                self.emit("energised", name, "energised again", priority=0, cause=cause)
                self.clear(name)
        self.open_fine()
        for listener in self._listeners:
            self.tell(listener, "topology")

    def _bus_died(self: Any, name: str, cause: int | None) -> None:
        """Tell it once at the top of what is dead: below it, the cause chain says the rest."""
        above = self.plan.assets[name].depends
        if not any(other in self.plan.buses and not self.alive(other) for other in above):
            self.stand(name, self.emit("de-energised", name, "de-energised", priority=1, value=0.0, cause=cause))

    def black_out(self: Any, status: int, bus: str) -> None:
        """The island held at ``bus`` cannot be kept: it goes dark, and an actor sees to its return."""
        why = {2: "voltage collapse", 3: "the island cannot be balanced"}.get(status, "the power flow has no solution")
        cause = self.cause_of(bus) or self.recent_switching()
        seq = self.emit("blackout", bus, f"island lost: {why}", priority=1, cause=cause)
        self.stand(bus, seq)
        self.set_forming(bus, False)
        keeper = self.actors["islands"]
        keeper.data.setdefault("held", {})[bus] = self.now + 30 * 60_000
        self.wake(keeper, min(keeper.data["held"].values()), cuts=True)
        self.topology_changed(seq)

    def set_forming(self: Any, bus: str, forming: bool) -> None:
        """Give or take the right of what stands at ``bus`` to hold an island."""
        index = self.plan.buses[bus]
        rank, vm_pu = self.plan.forming[index]
        self.network.set_forming(index, rank if forming else 0, vm=vm_pu)

    def forming_energy(self: Any, bus: str) -> float:
        """State of charge of the storage at ``bus``; 1 for a grid tie, which has no end."""
        index = self.plan.buses[bus]
        at = self.arena.column("store", "bus") == index
        return float(self.arena.column("store", "soc")[at].mean()) if at.any() else 1.0

    # ------------------------------------------------------------------ service, derating, set-points

    def _serve(self: Any, asset: Asset, verb: str, cause: int | None, quiet: bool) -> int | None:
        failing = verb == "fail"
        if failing == (asset.name in self.failed_assets):
            return (
                None
                if quiet
                else int(self.emit(verb, asset.name, f"already {'failed' if failing else 'in service'}", cause=cause))
            )
        seq = None
        if not quiet:
            words = "failed" if failing else "repaired"
            seq = int(self.emit(verb, asset.name, words, priority=2 if failing else 0, cause=cause))
        if failing:
            self.failed_assets[asset.name] = 1.0
            if seq is not None:
                self.stand(asset.name, seq)
        else:
            del self.failed_assets[asset.name]
            self.clear(asset.name)
        self._take_out(asset, failing, seq if seq is not None else cause)
        return seq

    def _take_out(self: Any, asset: Asset, failing: bool, seq: int | None) -> None:
        """Write what a failure or a repair means for the asset's elements."""
        for place in asset.places.get("in_service", ()):
            self.put(place, 0.0 if failing else 1.0)
        for place in asset.places.get("unit", ()):
            self.put(place, max(0.0, self.arena.get(place) + (-1.0 if failing else 1.0)))
        component = self._components.get(asset.component)
        if hasattr(component, "act"):
            component.act(self, asset, "fail" if failing else "repair", seq)
        if asset.bus and self.plan.buses.get(asset.bus) in self.plan.forming and asset.kind == "grid_tie":
            self.set_forming(asset.bus, not failing)
            self.topology_changed(seq)
        elif asset.switches:
            for branch in asset.switches:
                normal = self.plan.branches[branch].closed
                self.network.set_closed(self._branch_index(branch), normal and not failing)
            self.topology_changed(seq)
        else:
            self.open_fine()
            for listener in self._listeners:
                self.tell(listener, "topology")

    def _derate(self: Any, asset: Asset, value: float | None, cause: int | None) -> int:
        places = asset.places.get("derate", ())
        if not places or value is None or not 0.0 <= value <= 1.0:
            raise RunError(f"derate {asset.name}: {'needs a value from 0 to 1' if places else 'it cannot be derated'}")
        for place in places:
            self.put(place, value)
        seq = int(
            self.emit(
                "derate",
                asset.name,
                f"derated to {value:.0%}",
                priority=0 if value == 1.0 else 3,
                value=value,
                cause=cause,
            )
        )
        if value < 1.0:
            self.stand(asset.name, seq)
        else:
            self.clear(asset.name)
        return seq

    def input_value(self: Any, name: str) -> float:
        """Present value of an input in its own unit. Raise RunError for a name that is not there."""
        found = self.plan.inputs.get(name)
        if found is None:
            hint = nearest(name, self.plan.inputs)
            raise RunError(f"no input named {name!r}{'; ' + hint if hint else ''}")
        return float(self.arena.get(found.places[0]) / found.scale)

    def _set(self: Any, name: str, value: float | None, cause: int | None) -> int:
        self.input_value(name)
        found = self.plan.inputs[name]
        if value is None or not found.minimum <= value <= found.maximum:
            raise RunError(f"set {name} = {value}: must be from {found.minimum:g} to {found.maximum:g} {found.unit}")
        for place in found.places:
            self.put(place, value * found.scale)
        seq = int(self.emit("set", name, f"set to {value:g} {found.unit}", priority=0, value=value, cause=cause))
        self.overridden[name] = seq if cause is None else 0  # only what undoes it has a cause
        return seq

    def commission(self: Any, name: str, *, in_service: bool) -> None:
        """Bring a component into service and connect it, or hold it back before it is built."""
        asset = self.plan.assets[name]
        for place in asset.places.get("commission", ()):
            self.put(place, 1.0 if in_service else 0.0)
            if place.table == "row":
                self.queue.set_group_online(place.index, in_service)
        for branch in asset.switches:
            self.network.set_closed(self._branch_index(branch), in_service and self.plan.branches[branch].closed)

        if self.plan.buses.get(asset.bus) in self.plan.forming and asset.kind != "grid_tie":
            self.set_forming(asset.bus, in_service)

    def built(self: Any, name: str) -> bool:
        """Whether the component is there: itself, or the hall that a cooling plant belongs to."""
        component = self._components.get(name)
        return bool(self.commissioned(getattr(component, "hall", name)))

    def commissioned(self: Any, name: str) -> bool:
        """Whether the component is built and in service."""
        places = self.plan.assets[name].places.get("commission", ())
        return not places or bool(self.arena.get(places[0]) > 0.0)


def _number(seq: Any) -> int | None:
    return None if seq is None else int(seq)
