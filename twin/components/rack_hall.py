"""Rack hall: ten rooms of NVL72-class racks, each room fed from two sides, each row group on its own CDU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from twin.component import Behaviour, Component, quantity
from twin.components.branches import add_branch, transformer_branch
from twin.components.bus import add_bus, watch_voltage
from twin.curves import loss_curve
from twin.plan import SHORTAGE, Asset, Guard, Kind, Place, Plan
from twin.pools import Pool, start_pool
from twin.quantities import MS_PER_MIN

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World

GPUS_PER_RACK = 72
PG25_J_KG_K = 3969.0
"""Heat capacity of 25 % propylene glycol at 40 °C (CoolProp; docs/physics.md)."""
PG25_KG_L = 1.010
PSU_EFFICIENCY = {0.1: 0.945, 0.2: 0.965, 0.5: 0.975, 1.0: 0.965}
"""33 kW power shelf, efficiency by load fraction (from memory)."""
UPS_EFFICIENCY = {0.25: 0.950, 0.5: 0.965, 0.75: 0.967, 1.0: 0.965}
"""Double-conversion UPS, efficiency by load fraction (from memory)."""
RESTART_MS = 5 * MS_PER_MIN
RESTART_BATCH = 8
RESTART_FLOW = 0.2
"""Share of the facility water that must flow: idle rows cool down on natural circulation, loaded ones do not."""
HOLD_MS = 5 * MS_PER_MIN


class RackHall(Component, kind="rack_hall"):
    """A hall: transformers on sides A and B, boards with UPS for every room, row groups of racks on CDUs."""

    title = "Rack hall"
    channels = {
        "it_mw": ("MW", "power into the racks"),
        "supply_c": ("°C", "warmest coolant supply to a row (TCS)"),
        "die_max_c": ("°C", "hottest row's mean GPU temperature"),
        "r*.supply_c": ("°C", "coolant supply of a row group"),
        "r*.die_c": ("°C", "mean GPU temperature of a row group"),
        "r*.p_kw": ("kW", "power into the racks of a row group"),
    }
    verbs = ("open", "close", "trip", "fail", "repair", "set")

    bus_a: str = quantity(description="35 kV section that feeds side A")
    bus_b: str = quantity(description="35 kV section that feeds side B")
    rooms_count: int = quantity(10, "rooms, each with a board on either side", ge=1, source="choice of this model")
    rows_of_nine_count: int = quantity(
        6, "row groups of nine racks in a room", ge=0, source="60 a hall, docs/design.md"
    )
    rows_of_eight_count: int = quantity(
        2, "row groups of eight racks in a room", ge=0, source="20 a hall, docs/design.md"
    )
    idle_kw: float = quantity(34.0, "rack with idle GPUs, DC side", ge=0, source="25–30 % of 132 kW, from memory")
    rack_max_kw: float = quantity(132.0, "rack at full load, DC side", gt=0, source="GB200 NVL72: 120–132 kW (vendor)")
    shelf_kw: float = quantity(264.0, "power shelves of a rack, 8 × 33 kW, N+N", gt=0, source="introl.com, GB300 NVL72")
    liquid_share: float = quantity(
        0.87, "share of rack heat into the coolant", gt=0, le=1, source="115 of 132 kW, from memory"
    )
    gpu_heat_share: float = quantity(0.75, "share of the liquid heat that comes from GPUs", gt=0, le=1,
        source="72 × 1.2 of 115 kW; the rest is CPUs and switches")  # fmt: skip
    die_kj_k: float = quantity(
        0.775, "heat capacity of a GPU with its cold plate", gt=0, source="1 kg Cu + 0.1 l, derived"
    )
    die_k_w: float = quantity(0.025, "GPU to coolant, thermal resistance", gt=0, source="0.020–0.030 K/W, from memory")
    tcs_l_min_kw: float = quantity(1.5, "coolant flow", gt=0, source="OCP guideline: 1.5 l/min per kW")
    tcs_l: float = quantity(
        400.0, "coolant in the loop of a row group", gt=0, source="400 l per 1.3 MW CDU, from memory"
    )
    tcs_set_c: float = quantity(40.0, "coolant supply set-point", gt=15, lt=50, source="W40 water with 3–5 K approach")
    tcs_above_fws_k: float = quantity(
        3.0, "smallest approach the valve aims at", gt=0.5, source="CDU approach 3–5 K, from memory"
    )
    ua_kw_k: float = quantity(
        250.0, "clean heat exchanger of a CDU of nine racks", gt=0, source="4 K approach, derived"
    )
    cdu_pump_kw: float = quantity(9.0, "CDU pumps at full flow", ge=0, source="0.8 % of IT, docs/physics.md")
    bbu_s: float = quantity(120.0, "rack battery at full load", ge=0, source="90 s to 4 min, from memory")
    bbu_charge_kw: float = quantity(3.0, "recharge of a rack battery", gt=0, source="from memory")
    board_mva: float = quantity(
        12.5, "10/0.4 kV transformers of a board, together", gt=0, source="2N, derived from the load"
    )
    side_mva: float = quantity(
        125.0, "35/10 kV transformers of a side, together", gt=0, source="2N, derived from the load"
    )
    throttle_c: float = quantity(87.0, "GPU temperature at which it slows down", gt=50, source="85–88 °C, from memory")
    trip_c: float = quantity(97.0, "GPU temperature at which it stops", gt=50, source="95–100 °C, from memory")
    alarm_supply_c: float = quantity(47.0, "coolant supply at which rows throttle", gt=30, source="from memory")
    trip_supply_c: float = quantity(52.0, "coolant supply at which rows stop", gt=30, source="50–55 °C, from memory")
    cdu_failures_per_year: float = quantity(0.25, "failures of one of a CDU's two pumps", ge=0, source="from memory")
    cdu_repair_h: float = quantity(6.0, "mean time to repair it", gt=0, source="from memory")
    rack_failures_per_year: float = quantity(12.4, "failures of a rack that stop its jobs", ge=0,
        source="Llama-3: 419 stops, 16,384 GPUs, 54 d = 50,700 GPU-h each; 72 GPUs")  # fmt: skip
    rack_repair_h: float = quantity(
        1.0, "mean time to return a rack", gt=0, source="80 % restart in 10–30 min, from memory"
    )

    @property
    def racks_of_rows(self) -> list[int]:
        """Racks of each row group of a room."""
        return [9] * self.rows_of_nine_count + [8] * self.rows_of_eight_count

    def declare(self, plan: Plan) -> None:
        """Add the 10 kV buses and the boards of both sides."""
        for side, feed in (("a", self.bus_a), ("b", self.bus_b)):
            add_bus(plan, f"{self.name}.{side}", 10.0, self.name, depends=(feed,))
            for room in range(1, self.rooms_count + 1):
                add_bus(plan, f"{self.name}.{side}{room:02}", 0.4, self.name, depends=(f"{self.name}.{side}",))

    def lower(self, plan: Plan) -> None:
        """Add transformers, boards, row groups, racks and their limits."""
        plan.gpus_per_rack = GPUS_PER_RACK
        loop = plan.count("loop")
        boards = {side: self._add_side(plan, side) for side in ("a", "b")}
        first = plan.count("row")
        for room in range(self.rooms_count):
            for racks in self.racks_of_rows:
                self._add_row(plan, racks, boards["a"][room], boards["b"][room], loop, plan.count("row") - first + 1)
        plan.components_at[self.name] = first
        plan.halls[self.name] = (first, plan.count("row"))
        plan.add("loop", row_first=first, row_last=plan.count("row"))
        self._add_asset(plan, loop)

    def _add_side(self, plan: Plan, side: str) -> list[int]:
        feed = self.bus_a if side == "a" else self.bus_b
        section = plan.bus_index(feed, f"{self.kind}.{self.name}.bus_{side}")
        bus = plan.buses[f"{self.name}.{side}"]
        main = transformer_branch(
            f"{self.name}.{side}.xfmr", self.name, section, bus, sn_mva=self.side_mva, vk_percent=10.5,
            vkr_percent=0.35,
            pfe_kw=0.5 * self.side_mva, i0_percent=0.2,
        )  # fmt: skip
        add_branch(plan, main, power=True)
        boards = []
        c0, c1, c2 = loss_curve(UPS_EFFICIENCY)
        for room in range(1, self.rooms_count + 1):
            name = f"{self.name}.{side}{room:02}"
            low = plan.buses[name]
            # 4 × 2.5 to 3.15 MVA dry transformers in one: P0 0.085 %, Pk 0.65 % (GB 20052-2024 class, from memory)
            down = transformer_branch(
                f"{name}.xfmr", self.name, bus, low, sn_mva=self.board_mva, vk_percent=6.0, vkr_percent=0.65,
                pfe_kw=0.85 * self.board_mva, i0_percent=0.3, ratio=0.975,
            )  # fmt: skip
            add_branch(plan, down)
            index = plan.add("board", bus=low, hall=plan.count("loop"), rated_w=0.85e6 * self.board_mva, loss_0=c0,
                             loss_1=c1, loss_2=c2)  # fmt: skip
            places = {"in_service": (Place("board", "in_service", index),)}
            plan.asset(Asset(f"{name}.ups", "ups", self.name, (), places, (name,), name))
            boards.append(index)
        return boards

    def _add_row(self, plan: Plan, racks: int, a: int, b: int, loop: int, number: int) -> None:
        c0, c1, c2 = loss_curve(PSU_EFFICIENCY)
        # the node holds all cold plates; counted in GPUs that would make all the liquid's heat
        plates = racks * GPUS_PER_RACK / self.gpu_heat_share
        liquid_w = racks * self.rack_max_kw * 1e3 * self.liquid_share
        # W/K of coolant flow: l/min per kW × kW → kg/s × cp
        flow_w_k = self.tcs_l_min_kw / 60.0 * liquid_w / 1e3 * PG25_KG_L * PG25_J_KG_K
        die_j_k = plates * self.die_kj_k * 1e3
        tcs_j_k = self.tcs_l * PG25_KG_L * PG25_J_KG_K * racks / 9
        index = plan.add(
            "row", board_a=a, board_b=b, loop=loop, racks=racks, idle_w=racks * self.idle_kw * 1e3,
            psu_rated_w=racks * self.shelf_kw * 1e3, psu_loss_0=c0, psu_loss_1=c1, psu_loss_2=c2,
            liquid_share=self.liquid_share, c_die_j_k=die_j_k, die_k_j=1.0 / die_j_k, g_die_w_k=plates / self.die_k_w,
            c_tcs_j_k=tcs_j_k, tcs_k_j=1.0 / tcs_j_k, tcs_w_k=flow_w_k, fws_w_k=1.1 * flow_w_k,
            ua_w_k=self.ua_kw_k * 1e3 * racks / 9, cdu_pump_w=self.cdu_pump_kw * 1e3 * racks / 9,
            tcs_set_c=self.tcs_set_c, tcs_above_fws_k=self.tcs_above_fws_k,
            bbu_full_j=self.bbu_s * racks * self.rack_max_kw * 1e3, bbu_charge_w=racks * self.bbu_charge_kw * 1e3,
            bbu_j=self.bbu_s * racks * self.rack_max_kw * 1e3,
        )  # fmt: skip
        plan.racks += [index] * racks
        name = f"{self.name}.r{number:02}"
        plan.row_names.append(name)
        for suffix, column, scale in (("supply_c", "supply_c", 1.0), ("die_c", "die_c", 1.0), ("p_kw", "p_w", 1e-3)):
            unit, text = self.channels[f"r*.{suffix}"]
            kind: Kind = "mean" if suffix == "p_kw" else "state"
            plan.channel(f"{name}.{suffix}", Place("row", column, index), unit, text, kind=kind, scale=scale)
        self._guard_row(plan, name, index)
        places = {"in_service": (Place("row", "commissioned", index),)}
        boards = tuple(plan.bus_list[int(plan.rows["board"][k]["bus"])].name for k in (a, b))
        plan.asset(Asset(name, "row", self.name, (), places, boards))

    def _guard_row(self, plan: Plan, name: str, index: int) -> None:
        limits = (
            ("throttle", "die_c", self.throttle_c, self.throttle_c - 7.0),
            ("trip", "die_c", self.trip_c, self.trip_c - 20.0),
            ("warm", "supply_c", self.alarm_supply_c, self.alarm_supply_c - 2.0),
            ("hot", "supply_c", self.trip_supply_c, self.trip_supply_c - 5.0),
        )
        for what, column, limit, reset in limits:
            place = Place("row", column, index)
            hard = what in ("trip", "hot")  # slowing down has time; stopping has not
            mode: Literal["state", "soft"] = "state" if hard else "soft"
            plan.guard(Guard(f"{name}.{what}", self.name, place, limit, reset=reset, asset=name, fine=hard, mode=mode))
        place = Place("row", "bbu_j", index)
        full = self.bbu_s * 1e3
        plan.guard(Guard(f"{name}.bbu", self.name, place, 1.0, below=True, reset=10.0 * full, asset=name))

    def _add_asset(self, plan: Plan, loop: int) -> None:
        for suffix, column, scale in (
            ("it_mw", "it_w", 1e-6),
            ("supply_c", "supply_tcs_max_c", 1.0),
            ("die_max_c", "die_max_c", 1.0),
        ):
            unit, text = self.channels[suffix]
            kind: Kind = "mean" if suffix == "it_mw" else "state"
            plan.channel(
                f"{self.name}.{suffix}", Place("loop", column, loop), unit, text, kind=kind, scale=scale, fine=True
            )
        first, last = plan.halls[self.name]
        rows = tuple(Place("row", "commissioned", i) for i in range(first, last))
        # a hall that does not stand yet has no heat to march
        places = {"commission": (*rows, Place("loop", "commissioned", loop)), "in_service": rows}
        feeders = (f"{self.name}.a.xfmr", f"{self.name}.b.xfmr")
        plan.asset(Asset(self.name, self.kind, self.name, feeders, places, (self.bus_a, self.bus_b)))
        for side in ("a", "b"):
            watch_voltage(plan, f"{self.name}.{side}", self.name, 0.85, 1.15)

    def behave(self, world: World, me: Actor) -> Behaviour:
        """Throttle, stop and restart row groups; tell what happens to the two sides."""
        self._begin(world, me)
        while True:
            yield world.wait(me)
            alarms = world.take(me)
            for what in ("trip", "hot", "bbu", "throttle", "warm", "under", "over"):
                self._answer(world, me, what, [alarm for alarm in alarms if alarm.endswith("." + what)])
            for task in me.due_tasks(world.now):
                if task == "recover":
                    self._recover(world, me)
                elif task == "restart":
                    self._restart(world, me)
                else:
                    self._calm(me)
                    me.task("day", world.next_local_day(world.now))
            world.wake_for_tasks(me)

    def _begin(self, world: World, me: Actor) -> None:
        if me.phase != "idle":
            return
        me.phase = "running"
        me.data |= {"throttled": [], "stopped": {}, "tries": 0}
        me.task("day", world.next_local_day(world.now))
        first, last = world.plan.halls[self.name]
        pool = Pool(self.name, "CDU pump of row group", last - first, self.cdu_failures_per_year, self.cdu_repair_h)
        start_pool(world, pool, "row", "pump_share", first, each=True, left=0.7)
        world.start("rack_faults", f"{self.name}.rack-faults", owner=self.name)

    def _row_index(self, world: World, alarm: str) -> int:
        return int(alarm.split(".")[1][1:]) - 1 + world.plan.halls[self.name][0]

    def _rows_text(self, rows: list[int], world: World) -> str:
        first = world.plan.halls[self.name][0]
        numbers = [row - first + 1 for row in sorted(rows)]
        if len(numbers) == 1:
            return f"row group {numbers[0]}"
        return f"{len(numbers)} row groups ({numbers[0]}…{numbers[-1]})"

    def _answer(self, world: World, me: Actor, what: str, alarms: list[str]) -> None:
        if not alarms:
            return
        if what in ("under", "over"):
            for alarm in alarms:
                if not world.alive(alarm.rpartition(".")[0]):
                    continue  # a dead busbar has been told of
                world.emit(
                    f"{what}voltage", alarm.rpartition(".")[0], f"{what}voltage", priority=2,
                    value=world.guard_value(alarm),
                    cause=world.cause_of(alarm.rpartition(".")[0]) or world.recent_switching(),
                )  # fmt: skip
            return
        rows = [self._row_index(world, alarm) for alarm in alarms]
        # a row without supply is explained by its hall's busbars, not by the fans that stopped with it
        cause = world.cause_of(f"{self.name}.a" if what == "bbu" else world.plan.row_names[rows[0]])
        if cause is None and what == "bbu":  # nothing is broken: the row was cut because supply is short
            cause = world.standing.get(SHORTAGE)
        value = world.guard_value(alarms[0])
        if what in ("throttle", "warm"):
            self._throttle(world, me, rows, cause, value, what)
        else:
            self._stop(world, me, rows, cause, value, what)

    def _throttle(self, world: World, me: Actor, rows: list[int], cause: int | None, value: float, what: str) -> None:
        new = [row for row in rows if row not in me.data["throttled"] and str(row) not in me.data["stopped"]]
        if not new:
            return
        why = "GPUs at their temperature limit" if what == "throttle" else "coolant supply too warm"
        seq = world.emit(
            "throttle",
            self.name,
            f"{self._rows_text(new, world)} throttled: {why}",
            priority=2,
            value=value,
            cause=cause,
        )
        for row in new:
            world.put(Place("row", "throttle", row), 0.6)  # power of a throttled row's jobs (from memory)
            world.queue.throttle_group(row, True)
        me.data["throttled"] += new
        world.stand(self.name, seq)
        # a row that cannot shed its heat at full speed is not tried again every minute: twice as long each time
        me.data["tries"] = min(me.data["tries"] + 1, 5)
        me.task("recover", world.now + HOLD_MS * 2 ** me.data["tries"])

    def _stop(self, world: World, me: Actor, rows: list[int], cause: int | None, value: float, what: str) -> None:
        new = [row for row in rows if str(row) not in me.data["stopped"]]
        if not new:
            return
        why = {"trip": "GPUs too hot", "hot": "coolant supply too hot", "bbu": "no supply, rack batteries empty"}[what]
        lost = 0
        for row in new:
            world.put(Place("row", "tripped", row), 1.0)
            lost += len(world.lose_row(row))
            me.data["stopped"][str(row)] = what
        text = f"{self._rows_text(new, world)} stopped: {why}; {lost} job{'' if lost == 1 else 's'} lost"
        seq = world.emit("stop", self.name, text, priority=1, value=value, cause=cause)
        world.stand(self.name, seq)
        me.task("restart", world.now + RESTART_MS)

    def _recover(self, world: World, me: Actor) -> None:
        """Lift the throttle of rows that have cooled down."""
        rows = world.arena.column("row", "die_c"), world.arena.column("row", "supply_c")
        cool = [
            row for row in me.data["throttled"]
            if rows[0][row] < self.throttle_c - 7.0 and rows[1][row] < self.alarm_supply_c - 2.0
        ]  # fmt: skip
        for row in cool:
            world.put(Place("row", "throttle", row), 1.0)
            world.queue.throttle_group(row, False)
        me.data["throttled"] = [row for row in me.data["throttled"] if row not in cool]
        if cool:
            world.emit("recover", self.name, f"{self._rows_text(cool, world)} at full speed again", priority=0,
                       cause=world.cause_of(self.name))  # fmt: skip
        if me.data["throttled"]:
            me.task("recover", world.now + HOLD_MS)
        elif not me.data["stopped"]:
            world.clear(self.name)

    def _calm(self, me: Actor) -> None:
        """Once a day, forget one of the tries that lengthen the hold."""
        me.data["tries"] = max(me.data["tries"] - 1, 0)

    def _restart(self, world: World, me: Actor) -> None:
        """Bring stopped rows back a few at a time, once they have supply, cool coolant and facility water."""
        fed, die = world.arena.column("row", "fed"), world.arena.column("row", "die_c")
        supply = world.arena.column("row", "supply_c")
        flow = world.arena.column("loop", "flow")[list(world.plan.halls).index(self.name)]
        ready = [
            int(row) for row in me.data["stopped"]
            if fed[int(row)] > 0.5 and die[int(row)] < 70.0 and supply[int(row)] < self.alarm_supply_c - 1.0
            and flow > RESTART_FLOW and world.row_supply(int(row))
        ][:RESTART_BATCH]  # fmt: skip
        for row in ready:
            world.put(Place("row", "tripped", row), 0.0)
            world.restore_row(row)
            del me.data["stopped"][str(row)]
        if ready:
            world.emit("restart", self.name, f"{self._rows_text(ready, world)} back in service", priority=0,
                       cause=world.cause_of(self.name))  # fmt: skip
        if me.data["stopped"]:
            me.task("restart", world.now + (MS_PER_MIN if ready else RESTART_MS))
        elif not me.data["throttled"]:
            world.clear(self.name)

    def act(self, world: World, asset: Asset, verb: str, cause: int | None) -> None:
        """A failed row group (or hall) stops at once and loses its jobs; repaired, it returns."""
        first, last = world.plan.halls[self.name]
        rows = range(first, last) if asset.name == self.name else [self._row_index(world, asset.name)]
        lost = 0
        for row in rows:
            if verb == "fail":
                lost += len(world.lose_row(row))
            else:
                world.restore_row(row)
        if lost:
            world.emit("jobs lost", asset.name, f"{lost} jobs lost", priority=3, value=float(lost), cause=cause)
