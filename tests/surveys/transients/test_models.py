"""Models of transients: powers, exponents, spectra, and where physics allows them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from surveys.errors import InputError, SettingProblem
from surveys.transients import magnetar as m
from surveys.transients.constants import JANSKY, KPC_CM, C, G
from surveys.transients.emission import beam_solid_angle, spectral_density
from surveys.transients.empirical import Factor, PowerLawSettings, empirical, power_law
from surveys.transients.magnetar import magnetar
from surveys.transients.roche import separation_cm
from surveys.transients.white_dwarf import WhiteDwarfSettings, white_dwarf

FREQUENCY = 1400.0


def slope(model, name, low, high, others=None):
    """Exponent of the luminosity in one parameter."""
    values = {name: np.array([low, high])} | (others or {})
    luminosity = model(values, FREQUENCY).luminosity_erg_s
    return np.diff(np.log(luminosity))[0] / np.log(high / low)


@pytest.mark.parametrize(("power", "index"), [("intercepted", -13 / 3), ("circuit", -14 / 3)])
def test_power_of_the_orbit_goes_with_the_period(power, index):
    model = white_dwarf(WhiteDwarfSettings(power=power))
    assert slope(model, "period_s", 100.0, 2e4) == pytest.approx(index, rel=1e-12)
    assert slope(model, "field_g", 1e5, 1e9) == pytest.approx(2.0, rel=1e-12)


def test_power_of_a_spin_or_beat_goes_with_the_slip_alone():
    fast = {"orbital_period_s": 7200.0}
    for power, index in (("circuit", -2.0), ("intercepted", -1.0)):
        beat = white_dwarf(WhiteDwarfSettings(period="beat", power=power))
        assert slope(beat, "period_s", 100.0, 2000.0, fast) == pytest.approx(index, rel=1e-12)
        # Beyond a fifth of the speed of light a circuit would take more than is intercepted.
        assert slope(beat, "period_s", 11.0, 50.0, fast) == pytest.approx(-1.0, rel=1e-12)
    spin = white_dwarf(WhiteDwarfSettings(period="spin"))
    at_orbit = spin({"period_s": 7200.0, "orbital_period_s": 7200.0}, FREQUENCY)
    assert at_orbit.luminosity_erg_s == 0.0


def test_circuit_power_by_a_loop_over_steps_of_the_derivation():
    """Field at the companion, electric field, voltage, current, power, one by one."""
    values = {"period_s": 7531.78, "field_g": 1e6, "mass_sun": 0.8, "companion_mass_sun": 0.2}
    found = white_dwarf(WhiteDwarfSettings())(values | {"efficiency": 1.0}, FREQUENCY)
    a = (G * 1.98841e33 * (7531.78 / (2 * np.pi)) ** 2) ** (1 / 3)
    assert float(separation_cm(1.0, 7531.78)) == pytest.approx(a, rel=1e-5)
    star = 0.010031 * 6.957e10
    field = 1e6 / 2 * (star / a) ** 3
    electric = 2 * np.pi * a / 7531.78 / C * field
    voltage = electric * 2 * 0.230 * 6.957e10
    power = 2 * voltage**2 / (4 * np.pi / C)
    assert float(found.luminosity_erg_s) == pytest.approx(power, rel=1e-3)


def test_intercepted_over_circuit_is_the_light_speed_over_that_of_the_companion():
    values = {"period_s": 7200.0}
    both = [
        float(white_dwarf(WhiteDwarfSettings(power=p))(values, FREQUENCY).luminosity_erg_s)
        for p in ("circuit", "intercepted")
    ]
    speed = 2 * np.pi * float(separation_cm(0.95, 7200.0)) / 7200.0
    assert both[0] / both[1] == pytest.approx(16 / np.pi * speed / C, rel=1e-9)


def test_orbits_of_10_to_70_s_are_inside_the_stars_and_beats_are_not():
    period = np.geomspace(10, 70, 20)
    orbital = white_dwarf(WhiteDwarfSettings())({"period_s": period}, FREQUENCY)
    assert not orbital.limits["Roche lobe"].any()
    beat = white_dwarf(WhiteDwarfSettings(period="beat"))({"period_s": period}, FREQUENCY)
    assert beat.limits["Roche lobe"].all()
    # At 10 s the white dwarf would fly apart, and the companion be beyond its light cylinder.
    assert not beat.limits["break-up"][0]
    assert beat.limits["break-up"][-1]
    assert not beat.limits["light cylinder"][0]
    assert beat.limits["light cylinder"][-1]


def test_frequency_has_to_be_that_of_a_cyclotron_between_the_stars():
    """ν = 2 γ s 2.8 MHz B, from the field at the companion to that at the pole."""
    model = white_dwarf(WhiteDwarfSettings())
    fields = np.geomspace(1e2, 1e10, 400)
    found = model({"field_g": fields, "lorentz_factor": 1.0}, FREQUENCY)
    allowed = fields[found.limits["frequency"]]
    assert allowed.min() == pytest.approx(1.4e9 / (2 * 2.7992e6), rel=0.05)
    a = float(separation_cm(0.95, 7200.0))
    star = 0.010031 * 6.957e10
    most = 1.4e9 / (2 * 2.7992e6) * 2 * (a / star) ** 3
    assert allowed.max() == pytest.approx(most, rel=0.06)


def test_power_of_a_twisted_bundle_is_that_of_beloborodov():
    """Within a tenth of 1.3e36 erg/s for 1e14 G, 10 km, and unit twist, bundle and gigavolt."""
    gigavolt = 1e9 / 299.792458
    found = m.bundle_power(*(np.array(v) for v in (1e14, 1e6, 1.0, 1.0, gigavolt)))
    assert float(found) == pytest.approx(1.3e36, rel=0.1)


def test_power_of_a_bundle_by_an_integral_of_its_current():
    """I = ∫ j dA over the cap, j = c ψ B sin² θ / (4 π R) with a uniform field there."""
    field, radius, bundle, twist, volts = 3e14, 1.2e6, 0.01, 0.2, 5e6

    def ring(u):
        return C * twist * field * u / (4 * np.pi * radius) * np.pi * radius**2

    current = quad(ring, 0, bundle)[0]
    found = m.bundle_power(*(np.array(v) for v in (field, radius, bundle, twist, volts)))
    assert float(found) == pytest.approx(current * volts, rel=1e-12)


def test_death_lines_of_the_abstract():
    assert float(m.rics_death_line_s(10**6.5)) == pytest.approx(120.0)
    assert float(m.rics_death_line_s(2 * 10**6.5)) == pytest.approx(120.0 / 32)
    assert float(m.curvature_death_line_s(1e3)) == pytest.approx(150.0)
    assert float(m.curvature_death_line_s(64e3)) == pytest.approx(150.0 / 128)
    period = np.array([119.0, 121.0, 149.0, 151.0])
    assert magnetar("RICS")({"period_s": period}, FREQUENCY).possible.tolist() == [0, 1, 1, 1]
    assert magnetar("curvature")({"period_s": period}, FREQUENCY).possible.tolist() == [0, 0, 0, 1]
    fields = magnetar("RICS")({"field_g": np.array([0.99e14, 1.01e14])}, FREQUENCY)
    assert fields.limits["field"].tolist() == [False, True]


def test_the_flow_pays_for_what_the_bundle_spends():
    """Luminosity times active share is stress times speed times area, whatever the channel."""
    mean = [
        float(e.luminosity_erg_s * e.active_share)
        for e in (magnetar(c)({}, FREQUENCY) for c in ("RICS", "curvature"))
    ]
    assert mean[0] == pytest.approx(mean[1], rel=1e-12)
    field, radius, bundle, twist, speed = 1e15, 1.2e6, 0.01, 0.1, 1e3 / (365.25 * 86400)
    stress = twist * field**2 * radius**2 * bundle**2.5 * speed / 16
    assert mean[0] == pytest.approx(1e-4 * stress, rel=1e-9)


@pytest.mark.parametrize("index", [-3.2, -1.0, -1.0 + 1e-12, 0.0, 2.0])
def test_a_spectrum_adds_up_to_the_luminosity(index):
    values = {
        "spectral_index": np.array(index),
        "band_low_mhz": np.array(100.0),
        "band_high_mhz": np.array(5000.0),
    }
    whole = quad(lambda ln: float(spectral_density(values, np.exp(ln))) * np.exp(ln) * 1e6,
                 np.log(100.0), np.log(5000.0))[0]  # fmt: skip
    assert whole == pytest.approx(1.0, rel=1e-6)
    assert float(spectral_density(values, 99.0)) == 0.0


def test_flux_density_of_a_luminosity():
    """An isotropic 1e30 erg/s over 1 GHz, flat, at 1 kpc."""
    settings = PowerLawSettings(1e30)
    flat = {"spectral_index": 0.0, "band_low_mhz": 1000.0, "band_high_mhz": 2000.0}
    found = power_law(settings)(flat, FREQUENCY)
    wanted = 1e30 / 1e9 / (4 * np.pi * KPC_CM**2) / JANSKY
    assert float(found.flux_jy(1.0)) == pytest.approx(wanted, rel=1e-12)
    assert float(found.flux_jy(2.0)) == pytest.approx(wanted / 4, rel=1e-12)
    assert beam_solid_angle(np.array(180.0)) == pytest.approx(4 * np.pi)


def test_a_model_of_ones_own():
    settings = PowerLawSettings(1e28, factor=(Factor("period_s", 100, -2), Factor("mass", 2, 1)))
    model = power_law(settings)
    assert slope(model, "period_s", 1.0, 50.0) == pytest.approx(-2)
    assert slope(model, "mass", 1.0, 50.0) == pytest.approx(1)
    assert float(model({"period_s": 100.0}, FREQUENCY).luminosity_erg_s) == pytest.approx(1e28)
    with pytest.raises(SettingProblem, match="words of your own"):
        PowerLawSettings(factor=(Factor("duty_cycle", 1, 1),))
    with pytest.raises(SettingProblem, match="twice"):
        PowerLawSettings(factor=(Factor("b", 1, 1), Factor("b", 1, 1)))


def test_known_sources_scale_with_frequency():
    found = empirical()({"peak_jy_kpc2": 2.0, "spectral_index": -2.0}, 700.0)
    assert float(found.flux_jy(1.0)) == pytest.approx(8.0)


def test_parameters_that_mean_nothing():
    model = magnetar("RICS")
    with pytest.raises(InputError, match="did you mean 'field_g'"):
        model.check("feild_g", 1.0, "x.toml")
    with pytest.raises(SettingProblem, match=r"twist_rad: is 3 \(magnetar_rics\); give 1e-08 to 1"):
        model.check("twist_rad", 3.0, "x.toml")
    with pytest.raises(SettingProblem, match="band_high_mhz"):
        model({"band_low_mhz": 2e4}, FREQUENCY)
