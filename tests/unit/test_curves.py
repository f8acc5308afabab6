"""Loss curves against the datasheet points they come from and against PVLib."""

import numpy as np
import pytest
from pvlib.inverter import pvwatts

from twin.components.rack_hall import PSU_EFFICIENCY, UPS_EFFICIENCY
from twin.curves import loss_curve, pvwatts_loss


def efficiency(curve: tuple[float, float, float], x: float) -> float:
    return x / (x + np.polyval(curve[::-1], x))


@pytest.mark.parametrize(("points", "within"), [(UPS_EFFICIENCY, 0.002), (PSU_EFFICIENCY, 0.0025)])
def test_the_fitted_curve_passes_the_points_of_the_datasheet(points, within):
    # least squares weighs watts: the power shelf is 0.245 points of efficiency off at a tenth of its load, and less
    # than 0.2 of its rating anywhere
    curve = loss_curve(points)
    for x, expected in points.items():
        assert efficiency(curve, x) == pytest.approx(expected, abs=within)
        assert x / efficiency(curve, x) == pytest.approx(x / expected, abs=0.002)


def test_three_points_are_met_exactly_where_the_curve_can():
    truth = (0.0045, 0.0035, 0.0095)
    points = {x: efficiency(truth, x) for x in (0.1, 0.5, 1.0)}
    assert loss_curve(points) == pytest.approx(truth, rel=1e-9)


def test_the_order_of_the_points_does_not_matter():
    assert loss_curve(dict(reversed(UPS_EFFICIENCY.items()))) == loss_curve(UPS_EFFICIENCY)


def test_a_converter_makes_no_power_at_rest():
    # loss of 2 % of the load and 5 % of its square less 0.1 % of the rating: below zero at rest
    c0, c1, c2 = loss_curve({x: x / (x + 0.02 * x + 0.05 * x * x - 0.001) for x in (0.3, 0.5, 1.0)})
    assert c0 == 0.0
    assert c1 > 0.0
    assert c2 > 0.0


def test_points_that_no_converter_has_are_refused():
    with pytest.raises(ValueError, match="below zero"):
        loss_curve({0.1: 0.995, 0.5: 0.99, 1.0: 0.95})


@pytest.mark.parametrize("nominal", [0.96, 0.9637, 0.985])
def test_the_pvwatts_curve_is_that_of_pvlib(nominal):
    c0, c1, c2 = pvwatts_loss(nominal)
    x = np.linspace(0.02, 1.0, 200)
    power = np.minimum(x - (c0 + c1 * x + c2 * x * x), nominal)
    assert power == pytest.approx(pvwatts(x, 1.0, nominal), abs=1e-9)
