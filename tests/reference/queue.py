"""The queue in plain Python: the same rules with no index, no cache and no table; every pass looks at everything.

Work left is counted down at every event, loads are integrated interval by interval, a pass sorts all running jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NEVER = (1 << 63) - 1


@dataclass
class Job:
    id: int
    submit_ms: int
    size: int
    run_ms: int
    request_ms: int
    tier: int
    watts: int
    checkpoint_ms: int
    watch: bool
    state: str = "fed"
    racks: dict[int, int] = field(default_factory=dict)
    rank: int = 0
    restarts: int = 0
    start_ms: int = -1
    attempt_ms: int = 0
    attempt_work: int = 0
    left: int = 0
    wall_ms: int = 0
    wait_ms: int = 0
    lost_gpu_ms: int = 0
    energy: int = 0
    est_end_ms: int = 0
    group: int = -1
    cause: int = 0

    @property
    def est_left_ms(self) -> int:
        est_ms = self.request_ms if self.request_ms >= 0 else self.run_ms
        return est_ms - (self.run_ms - self.left // 1024)


class Queue:
    """The same calls as the kernel's; records are dicts."""

    def __init__(
        self, *, rack_group: Any, gpus_per_rack: int, n_group: int, order: str, backfill: str, depth: int, requeue: bool
    ) -> None:
        self.rack_group, self.per, self.n_group = [int(g) for g in rack_group], gpus_per_rack, n_group
        self.order, self.backfill, self.depth, self.requeue = order, backfill, depth, requeue
        n_rack = len(self.rack_group)
        self.free = [gpus_per_rack] * n_rack
        self.off: list[set[str]] = [set() for _ in range(n_rack)]
        self.faulted = [0] * n_rack
        self.throttled = [False] * n_group
        self.speed, self.power = [1024] * 8, [1024] * 8
        self.fed: list[Job] = []
        self.faults: list[tuple[int, int, int]] = []
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.records: list[dict[str, Any]] = []
        self.watched: list[tuple[int, int, str]] = []
        self.now_ms = self.step_ms = self.passes = self.allocated = self.queued_ms = 0
        self.step_energy: dict[tuple[int, int], int] = {}
        self.pass_due = False
        self.plans: dict[int, tuple[int, int, dict[int, int]]] = {}
        self.compress = self.replan = False
        self.tested = 0

    # inputs

    def feed(self, *columns: Any) -> None:
        for row in zip(*columns, strict=True):
            job = Job(*(int(value) for value in row))
            job.left = job.run_ms * 1024
            self.fed.append(job)

    def feed_faults(self, rack: Any, down_ms: Any, up_ms: Any) -> None:
        for r, down, up in zip(rack, down_ms, up_ms, strict=True):
            self.faults += [(int(down), 1, int(r)), (int(up), 0, int(r))]
        self.faults.sort()

    def begin_step(self, t_ms: int) -> None:
        self.step_ms, self.step_energy = t_ms, {}

    def set_class(self, c: int, speed: int, power: int) -> None:
        self.speed[c], self.power[c] = speed, power

    def set_racks_in_service(self, racks: Any, on: bool) -> None:
        for rack in racks:
            self._set_off(int(rack), "service", not on)

    def set_group_online(self, group: int, on: bool) -> None:
        for rack in self._racks_of(group):
            self._set_off(rack, "offline", not on)

    def throttle_group(self, group: int, on: bool) -> None:
        self.throttled[group] = on

    def lose_group(self, group: int, cause: int) -> list[int]:
        hit = [job for job in self.running if any(self.rack_group[r] == group for r in job.racks)]
        return self._lose(hit, "killed", cause)

    def cancel(self, job_id: int) -> None:
        self._end_now(job_id, "killed", 2)

    def fail(self, job_id: int) -> None:
        self._end_now(job_id, "failed", 3)

    # time

    def run_to(self, t1: int) -> None:
        while True:
            due = [self._due(job) for job in self.running] + [job.submit_ms for job in self.fed[:1]]
            due += [fault[0] for fault in self.faults[:1]] + [self.now_ms] * self.pass_due
            t = min(due, default=NEVER)
            if t > t1 or t == NEVER:
                break
            self._move_clock(t)
            self._events()
        if t1 != NEVER:
            self._move_clock(t1)

    def _events(self) -> None:
        for job in sorted((j for j in self.running if j.left <= 0), key=lambda j: j.id):
            self._stop(job)
            self._end(job, "finished")
        while self.faults and self.faults[0][0] == self.now_ms:
            _, down, rack = self.faults.pop(0)
            if down:
                self._lose([job for job in self.running if rack in job.racks], "failed", 1)
            self.faulted[rack] += 1 if down else -1
            self._set_off(rack, "fault", self.faulted[rack] > 0)
        while self.fed and self.fed[0].submit_ms == self.now_ms:
            job = self.fed.pop(0)
            self._see(job, "submit")
            if job.size > self.per * len(self.free):
                self._end(job, "rejected")
            else:
                self._wait(job)
                self.pass_due = True
        if self.pass_due:
            self._pass()

    def _due(self, job: Job) -> int:
        speed = self.speed[self.class_of(job)]
        if job.left <= 0:
            return self.now_ms
        return self.now_ms - (-job.left // speed) if speed else NEVER

    def _move_clock(self, t: int) -> None:
        dt = t - self.now_ms
        for job in self.running:
            c = self.class_of(job)
            job.left -= dt * self.speed[c]
            job.energy += dt * self.power[c]
            self.allocated += dt * job.size
            for rack, gpus in job.racks.items():
                key = c, self.rack_group[rack]
                self.step_energy[key] = self.step_energy.get(key, 0) + gpus * job.watts * dt
        self.queued_ms += dt * len(self.waiting)
        self.now_ms = t

    # jobs

    def class_of(self, job: Job) -> int:
        return job.tier + 4 * any(self.throttled[self.rack_group[rack]] for rack in job.racks)

    def _see(self, job: Job, what: str) -> None:
        if job.watch:
            self.watched.append((self.now_ms, job.id, what))

    def _wait(self, job: Job) -> None:
        job.state, job.attempt_ms = "queued", self.now_ms
        self.compress |= self.order != "fcfs" or job.rank != 0
        self.waiting.append(job)

    def _key(self, job: Job) -> tuple[int, ...]:
        est = {"fcfs": 0, "sjf": job.est_left_ms, "ljf": -job.est_left_ms}[self.order] if job.rank == 0 else 0
        return job.rank, est, job.submit_ms, job.id

    def _start(self, job: Job, room: list[int] | None = None) -> None:
        job.wait_ms += self.now_ms - job.attempt_ms
        job.attempt_ms, job.attempt_work, job.est_end_ms = self.now_ms, job.left, self.now_ms + job.est_left_ms
        if job.start_ms < 0:
            job.start_ms = self.now_ms
        job.racks = self._place(job.size) if room is None else lowest(room, job.size)
        for rack, gpus in job.racks.items():
            self.free[rack] -= gpus
        job.group, job.state = self.rack_group[next(iter(job.racks))], "running"
        self.waiting.remove(job)
        self.running.append(job)
        self._see(job, "start")

    def _stop(self, job: Job) -> None:
        for rack, gpus in job.racks.items():
            self.free[rack] += gpus
        job.racks = {}
        job.wall_ms += self.now_ms - job.attempt_ms
        self.running.remove(job)
        self.pass_due = self.compress = True

    def _end(self, job: Job, state: str) -> None:
        job.state = state
        if state != "finished":
            job.lost_gpu_ms = job.size * job.wall_ms
        self.records.append(self.record(job))
        self._see(job, "end")

    def record(self, job: Job) -> dict[str, Any]:
        since = self.now_ms - job.attempt_ms
        wall_ms = job.wall_ms + (since if job.state == "running" else 0)
        joules = job.size * job.watts * job.energy
        return {
            "id": job.id, "submit_ms": job.submit_ms, "start_ms": job.start_ms, "end_ms": self.now_ms, "size": job.size,
            "state": job.state, "restarts": job.restarts, "wait_ms": job.wait_ms + since * (job.state == "queued"),
            "gpu_ms": job.size * wall_ms, "lost_gpu_ms": job.lost_gpu_ms, "group": job.group, "cause": job.cause,
            "energy_j": joules / 1_024_000,
        }  # fmt: skip

    def _lose(self, hit: list[Job], state: str, cause: int) -> list[int]:
        for job in sorted(hit, key=lambda j: j.id):
            self._stop(job)
            job.cause = cause
            if not self.requeue:
                self._end(job, state)
                continue
            done = job.run_ms * 1024 - job.left
            step = job.checkpoint_ms * 1024
            kept = done // step * step if step else 0
            wall_ms, worked = self.now_ms - job.attempt_ms, job.attempt_work - job.left
            lost = round(wall_ms * (done - kept) / worked) if worked else wall_ms
            job.lost_gpu_ms += job.size * lost
            job.left, job.rank, job.restarts = job.run_ms * 1024 - kept, -1 - self.now_ms, job.restarts + 1
            self._wait(job)
            self._see(job, "requeue")
        return sorted(job.id for job in hit)

    def _end_now(self, job_id: int, state: str, cause: int) -> None:
        job = next(j for j in self.running + self.waiting if j.id == job_id)
        if job in self.running:
            self._stop(job)
        else:
            self.waiting.remove(job)
            self.plans.pop(job.id, None)
            self.compress = True
            job.wait_ms += self.now_ms - job.attempt_ms
        job.cause, self.pass_due = cause, True
        self._end(job, state)

    # racks

    def _racks_of(self, group: int) -> list[int]:
        return [rack for rack, g in enumerate(self.rack_group) if g == group]

    def _set_off(self, rack: int, reason: str, on: bool) -> None:
        was = bool(self.off[rack])
        (self.off[rack].add if on else self.off[rack].discard)(reason)
        changes = was != bool(self.off[rack])
        self.pass_due, self.replan = self.pass_due or changes, self.replan or changes

    def gpus_free(self) -> int:
        return sum(free for free, off in zip(self.free, self.off, strict=True) if not off)

    def _place(self, size: int) -> dict[int, int]:
        free = {rack: n for rack, n in enumerate(self.free) if not self.off[rack] and n}
        chosen: dict[int, int] = {}
        while size:
            fitting = [(n, rack) for rack, n in free.items() if n >= min(size, self.per)]
            rack = min(fitting)[1] if fitting else min((-n, rack) for rack, n in free.items())[1]
            chosen[rack] = min(size, free.pop(rack))
            size -= chosen[rack]
        return chosen

    # the pass

    def _pass(self) -> None:
        self.passes, self.pass_due = self.passes + 1, False
        self.waiting.sort(key=self._key)
        if self.backfill == "conservative":
            self._plan_ahead()
            return
        if self.backfill == "easy-identity":
            self._easy_identity()
            return
        while self.waiting and self.waiting[0].size <= self.gpus_free():
            self._start(self.waiting[0])
        if not self.waiting or self.backfill == "none":
            return
        shadow, extra = self._reservation(self.waiting[0].size) if self.backfill == "easy" else (NEVER, 0)
        for job in self.waiting[1 : 1 + self.depth]:
            end_ms = self.now_ms + job.est_left_ms
            if job.size <= self.gpus_free() and (end_ms <= shadow or job.size <= extra):
                extra -= job.size if end_ms > shadow else 0
                self._start(job)

    def _reservation(self, need: int) -> tuple[int, int]:
        coming: dict[int, int] = {}
        for job in self.running:
            end_ms = max(job.est_end_ms, self.now_ms)
            coming[end_ms] = coming.get(end_ms, 0) + sum(n for rack, n in job.racks.items() if not self.off[rack])
        free = self.gpus_free()
        for end_ms in sorted(coming):
            free += coming[end_ms]
            if free >= need:
                return end_ms, free - need
        return NEVER, 0

    # reservations that name racks

    def _free_over(self, first_ms: int, end_ms: int) -> list[int]:
        """GPUs of each rack that nothing running or planned uses at any time in [first_ms, end_ms)."""
        edges = [(max(job.est_end_ms, self.now_ms + 1), job.racks) for job in self.running]
        times = {first_ms, *(t for t, _ in edges)} | {t for plan in self.plans.values() for t in plan[:2]}
        least = [self.per] * len(self.free)
        for t in (t for t in times if first_ms <= t < end_ms):
            used = [racks for stop, racks in edges if stop > t]
            used += [racks for start, stop, racks in self.plans.values() if start <= t < stop]
            for rack in range(len(least)):
                free = 0 if self.off[rack] else self.per - sum(racks.get(rack, 0) for racks in used)
                least[rack] = min(least[rack], free)
        return least

    def _first_fit(self, job: Job) -> tuple[int, list[int]] | None:
        times = {self.now_ms, *(max(other.est_end_ms, self.now_ms + 1) for other in self.running)}
        times |= {t for plan in self.plans.values() for t in plan[:2] if t >= self.now_ms}
        for t in sorted(times):
            room = self._free_over(t, t + max(job.est_left_ms, 1))
            if sum(room) >= job.size:
                return t, room
        return None

    def _plan_ahead(self) -> None:
        late = any(job.est_end_ms <= self.now_ms and job.attempt_work > 0 for job in self.running)
        if self.replan or late or any(plan[0] < self.now_ms for plan in self.plans.values()):
            self.plans, self.compress = {}, True
        tested = 0 if self.compress else self.tested
        looked = self.waiting[tested : 1 + self.depth]
        for job in looked:
            self.plans.pop(job.id, None)
            fit = self._first_fit(job)
            if fit and fit[0] == self.now_ms:
                self._start(job, fit[1])
            elif fit:
                self.plans[job.id] = fit[0], fit[0] + max(job.est_left_ms, 1), lowest(fit[1], job.size)
        self.tested = tested + sum(job.state == "queued" for job in looked)
        self.compress = self.replan = False

    def _easy_identity(self) -> None:
        while self.waiting and self.waiting[0].size <= self.gpus_free():
            self._start(self.waiting[0], self._free_now())
        if not self.waiting:
            return
        head, behind = self.waiting[0], self.waiting[1 : 1 + self.depth]
        shadow, _ = self._reservation(head.size)
        if shadow < NEVER:
            promised = lowest(self._free_at(shadow), head.size)
        for job in behind:
            end_ms, now = self.now_ms + job.est_left_ms, self._free_now()
            if end_ms > shadow:
                spare = self._free_at(shadow)
                for rack, n in promised.items():
                    spare[rack] -= n
                now = [min(a, b) for a, b in zip(now, spare, strict=True)]
            if sum(now) >= job.size:
                self._start(job, now)

    def _free_now(self) -> list[int]:
        return [0 if off else free for free, off in zip(self.free, self.off, strict=True)]

    def _free_at(self, t: int) -> list[int]:
        left = [job.racks for job in self.running if max(job.est_end_ms, self.now_ms) > t]
        return [
            0 if self.off[rack] else self.per - sum(racks.get(rack, 0) for racks in left)
            for rack in range(len(self.free))
        ]


def lowest(room: list[int], size: int) -> dict[int, int]:
    """So many GPUs from the lowest rack up."""
    chosen: dict[int, int] = {}
    for rack, free in enumerate(room):
        if size and free:
            chosen[rack] = min(free, size)
            size -= chosen[rack]
    return chosen
