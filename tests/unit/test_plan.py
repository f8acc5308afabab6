"""The plan: names become indices, problems are gathered, the arena lies as the kernels expect it."""

from itertools import pairwise

import numpy as np
import pytest

from twin.errors import SiteError
from twin.plan import ALIGN, Asset, Branch, Guard, Place, Plan, nearest
from twin.tables import REGIONS, TABLES, kernel_header


def small() -> Plan:
    plan = Plan()
    plan.bus("b", 35.0)
    plan.bus("c", 35.0)
    plan.branch(Branch("line", "line", "line", 0, 1))
    for soc in (0.2, 0.7):
        plan.add("store", bus=0, soc=soc)
    return plan


def test_an_element_starts_with_what_it_was_given_and_defaults_for_the_rest():
    arena = small().freeze()
    assert arena.column("store", "soc").tolist() == [0.2, 0.7]
    assert arena.column("store", "cell_c").tolist() == [25.0, 25.0]
    assert arena.column("store", "bus").dtype == np.int32


def test_every_column_is_aligned_and_lies_in_its_region():
    arena = small().freeze()
    start = arena.buffer.ctypes.data
    assert start % ALIGN == 0
    filled = {place: column for place, column in arena.columns.items() if column.size}
    for (table, name), column in filled.items():
        at = column.ctypes.data - start
        first, last = arena.bounds[TABLES[table][name].region]
        assert at % ALIGN == 0
        assert first <= at
        assert at + column.nbytes <= last


def test_the_regions_follow_each_other_without_a_gap():
    bounds = small().freeze().bounds
    ends = [bounds[region] for region in REGIONS]
    assert ends[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(ends))


def test_columns_do_not_overlap():
    arena = small().freeze()
    for number, column in enumerate(arena.columns.values()):
        column[:] = number
    assert all((column == number).all() for number, column in enumerate(arena.columns.values()))


def test_a_place_is_read_and_written_where_the_kernels_look():
    arena = small().freeze()
    place = Place("store", "soc", 1)
    arena.set(place, 0.625)
    assert arena.get(place) == arena.buffer.view("f8")[arena.offset(place)] == 0.625


def test_the_bytes_of_an_arena_are_its_whole_state():
    one, other = small().freeze(), small().freeze()
    one.column("store", "soc")[:] = [0.1, 0.9]
    other.buffer[:] = np.frombuffer(one.buffer.tobytes(), np.uint8)
    assert other.column("store", "soc").tolist() == [0.1, 0.9]


def test_an_unknown_column_is_a_mistake_of_the_component():
    with pytest.raises(KeyError, match="no column"):
        Plan().add("store", sock=0.5)


def test_all_problems_come_at_once():
    plan = small()
    plan.bus("b", 10.0, "again")
    plan.branch(Branch("line", "other", "line", 0, 1))
    plan.asset(Asset("x", "bus", "x"))
    plan.asset(Asset("x", "bus", "x"))
    plan.bus_index("bb", "line.x.from")
    with pytest.raises(SiteError) as found:
        plan.freeze()
    texts = [problem.message for problem in found.value.problems]
    assert len(texts) == 4
    assert found.value.problems[-1].hint == "did you mean b ?"


def test_what_depends_on_something_says_so_first():
    plan = small()
    plan.asset(Asset("hall", "rack_hall", "hall", depends=("35-1",)))
    plan.depend("hall", "cooling")
    assert plan.assets["hall"].depends == ("cooling", "35-1")


def test_a_guard_without_reset_arms_again_at_its_limit():
    assert np.isnan(Guard("g", "me", Place("store", "soc"), 0.1).reset)


def test_the_nearest_names_come_first_and_far_ones_not_at_all():
    assert nearest("hall-1", ["hall-01", "hall-02", "grid"]).startswith("did you mean hall-01")
    assert nearest("xyz", ["hall-01"]) == ""


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_kernels_header_names_every_column(table):
    header = kernel_header()
    struct = header[header.index(f"ctypedef struct {table.capitalize()}Table:") :].split("\n\n")[0]
    for name, column in TABLES[table].items():
        assert f"    {'i32*' if column.dtype == 'i4' else 'f64*'} {name}\n" in struct + "\n"
        assert f"t.{name} = <" in header
