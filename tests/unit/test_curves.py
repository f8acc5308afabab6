"""Loss curves against the datasheet points they come from and against PVLib."""

import numpy as np
import pytest
from pvlib.inverter import pvwatts

from twin.components.rack_hall import PSU_EFFICIENCY, UPS_EFFICIENCY
from twin.curves import loss_curve, pvwatts_loss


@pytest.mark.parametrize("points", [PSU_EFFICIENCY, UPS_EFFICIENCY])
def test_the_fitted_curve_passes_the_datasheet_points_within_a_fifth_of_a_per_cent(points):
    c0, c1, c2 = loss_curve(points)
    for x, efficiency in points.items():
        assert x / (x + c0 + c1 * x + c2 * x * x) == pytest.approx(efficiency, abs=0.002)


def test_three_points_are_met_exactly_where_the_curve_can():
    truth = (0.0045, 0.0035, 0.0095)
    points = {x: x / (x + np.polyval(truth[::-1], x)) for x in (0.1, 0.5, 1.0)}
    assert loss_curve(points) == pytest.approx(truth, rel=1e-9)


def test_the_order_of_the_points_does_not_matter():
    assert loss_curve(dict(reversed(UPS_EFFICIENCY.items()))) == loss_curve(UPS_EFFICIENCY)


def test_a_converter_makes_no_power_at_rest():
    # efficiencies that fall towards full load faster than any idle loss allows
    c0, c1, c2 = loss_curve({0.1: 0.995, 0.5: 0.95, 1.0: 0.80})
    assert c0 == 0.0
    assert c1 + c2 > 0.0


@pytest.mark.parametrize("nominal", [0.96, 0.9637, 0.985])
def test_the_pvwatts_curve_is_that_of_pvlib(nominal):
    c0, c1, c2 = pvwatts_loss(nominal)
    x = np.linspace(0.02, 1.0, 200)
    power = np.minimum(x - (c0 + c1 * x + c2 * x * x), nominal)
    assert power == pytest.approx(pvwatts(x, 1.0, nominal), abs=1e-9)
