"""Components: data sheets, channels, the way into the plan, a kind of one's own."""

from pathlib import Path

import pytest

import twin
from twin.component import Component, load_components, quantity
from twin.quantities import unit_of

BASE = Path(__file__).resolve().parents[2] / "scenarios" / "base"
KINDS = sorted(load_components())


@pytest.fixture(scope="module")
def plan():
    """The base site's plan."""
    return twin.build(twin.Scenario.read(BASE / "zhongwei.toml")).plan


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_title_and_channels_with_units(kind):
    component = load_components()[kind]
    assert component.title
    assert component.__doc__
    for suffix, (unit, text) in component.channels.items():
        assert unit, suffix
        assert text, suffix


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_sheet_lists_every_field_with_its_unit(kind):
    sheet = {record["name"]: record for record in load_components()[kind].datasheet()}
    assert set(sheet) == set(load_components()[kind].model_fields)
    for name, record in sheet.items():
        assert record["unit"] == (unit_of(name) or "")


@pytest.mark.parametrize("kind", KINDS)
def test_only_totals_of_a_bank_are_spread(kind):
    assert load_components()[kind].totals() <= {"energy_mwh", "power_mw", "dc_mw", "ac_mw", "p_mw"}


def test_every_channel_of_the_site_has_a_unit_and_a_description(plan):
    assert [name for name, channel in plan.channels.items() if not channel.unit or not channel.description] == []


def test_a_channel_s_suffix_is_its_unit(plan):
    odd = {
        name for name, channel in plan.channels.items()
        if (unit := unit_of(name.rpartition(".")[2])) is not None and unit != channel.unit
    }  # fmt: skip
    assert odd == set()


def test_every_guard_has_an_owner_that_will_hear_of_it(plan):
    with twin.Run(twin.Scenario.read(BASE / "zhongwei.toml")) as run:
        run.advance("1min")
        assert {guard.owner for guard in plan.guards} <= set(run.world.actors)


def test_every_switch_of_an_asset_is_a_branch(plan):
    switches = {switch for asset in plan.assets.values() for switch in asset.switches}
    assert switches <= set(plan.branches)


def test_every_asset_depends_on_things_that_are_there(plan):
    missing = {other for asset in plan.assets.values() for other in (*asset.depends, asset.bus) if other}
    assert missing - set(plan.assets) - set(plan.buses) == set()


def test_the_base_site_is_what_its_page_says(plan):
    assert len(plan.racks) == 7000
    assert plan.count("row") == 800
    assert plan.count("store") == 220
    assert plan.count("source") == 24
    assert sum(row["dc_peak_w"] for row in plan.rows["source"]) == pytest.approx(2.4e9)
    assert sum(row["ac_rated_w"] for row in plan.rows["source"]) == pytest.approx(2.0e9)
    assert sum(row["pcs_rated_w"] for row in plan.rows["store"]) == pytest.approx(550e6)
    energy_wh = sum(row["cells"] * row["q_ah"] * 3.2 for row in plan.rows["store"])
    assert energy_wh == pytest.approx(1103.5e6, rel=1e-4)
    assert 280 <= len(plan.bus_list) <= 320


def test_an_override_of_a_total_is_spread_over_the_members():
    scenario = twin.Scenario.read(BASE / "zhongwei.toml", overrides={"site.battery.bess.energy_mwh": 1500})
    members = [component for component in scenario.components if component.kind == "battery"]
    assert sum(member.energy_mwh for member in members) == pytest.approx(1500.0)
    rows = twin.build(scenario).plan.rows["store"]
    assert sum(row["cells"] * row["q_ah"] * 3.2 for row in rows) == pytest.approx(1500e6, rel=1e-4)


def test_a_new_kind_is_one_class():
    class Fountain(Component, kind="fountain_of_this_test"):
        """Draws power."""

        bus: str
        p_kw: float = quantity(5.0, "power", gt=0)

        def lower(self, plan) -> None:
            plan.add("aux", bus=plan.bus_index(self.bus, self.name), demand_w=self.p_kw * 1e3)

    try:
        text = 'extends = "zhongwei.toml"\n[site.fountain_of_this_test.jet]\nbus = "35-1"\np_kw = 20\n'
        site = twin.build(twin.Scenario.parse(text, base_dir=BASE))
        assert site.plan.rows["aux"][-1]["demand_w"] == 20e3
    finally:
        del Component.registry["fountain_of_this_test"]


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ('[site.transformer.T9]\nfrom = "35-1"\nto = "35-2"\nsn_mva = 240\n', "to", "breaker"),
        ('[site.transformer.T9]\nfrom = "330-I"\nto = "35-2"\nsn_mva = 10\n', "i0_percent", "120 kW"),
        ('[site.breaker.B]\nfrom = "35-1"\nto = "330-I"\n', "to", "one voltage"),
        ('[site.line.X]\nfrom = "330-I"\nto = "35-1"\nlength_km = 1\n', "to", "one voltage"),
        ('[site.cooling_plant.c]\nhall = "hall-99"\n', "hall", "hall-09"),
        ('[site.battery.b]\nbus = "35-9"\nenergy_mwh = 5\npower_mw = 2\n', "bus", "35-"),
        ('[site.breaker.B]\nfrom = "35-1"\nto = "35-1"\n', "to", "same bus"),
    ],
)
def test_what_cannot_be_built_says_where_and_what_was_meant(text, path, hint):
    with pytest.raises(twin.SiteError) as found:
        twin.build(twin.Scenario.parse(f'extends = "zhongwei.toml"\n{text}', base_dir=BASE))
    message = str(found.value)
    assert path in message
    assert hint in message
