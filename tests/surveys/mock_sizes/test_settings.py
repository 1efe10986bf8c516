"""What a file of settings may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveys.errors import InputError, SettingProblem
from surveys.mock_sizes.instruments import observing, wide_filter_at
from surveys.mock_sizes.observation import ObservationSettings
from surveys.mock_sizes.settings import (
    InputSettings,
    MeasureSettings,
    RunSettings,
    SizesSettings,
)

HERE = Path("sizes.toml")


def alma(**more):
    return ObservationSettings(**({"instrument": "ALMA", "configuration": "C-5"} | more))


def nircam(**more):
    return ObservationSettings(**({"instrument": "NIRCam", "filter": "F200W"} | more))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: nircam(filter=None), "filter"),
        (lambda: nircam(rest_um=0.15), "rest_um"),
        (lambda: nircam(configuration="C-5"), "configuration"),
        (lambda: alma(resolution_arcsec=0.3), "resolution_arcsec"),
        (lambda: alma(psf=Path("psf.fits")), "psf"),
        (lambda: ObservationSettings("Gaussian", fwhm_arcsec=0.1), "wavelength_um"),
        (lambda: nircam(snr=()), "snr"),
        (lambda: nircam(snr=(5.0, -1.0)), "snr"),
        (lambda: nircam(snr=(10.0, 5.0)), "snr"),
        (lambda: nircam(photon_noise=True), "photon_noise"),
        (lambda: nircam(n_pixels=3), "n_pixels"),
        (lambda: nircam(n_noise=0), "n_noise"),
        (lambda: MeasureSettings(estimators=("pixl",)), "estimators"),
        (lambda: MeasureSettings(estimators=("pixel", "pixel")), "estimators"),
        (lambda: MeasureSettings(estimators=()), "estimators"),
        (lambda: InputSettings(kind="images"), "files"),
        (lambda: InputSettings(files=(Path("a.h5"),)), "files"),
        (lambda: InputSettings("particles", (Path("a"), Path("b"))), "files"),
        (lambda: SizesSettings(()), "observation"),
        (lambda: SizesSettings((nircam(), nircam())), "observation[1].name"),
        (lambda: RunSettings(scheduler="thread"), "scheduler"),
    ],
)
def test_what_is_wrong_is_named(make, field):
    with pytest.raises(SettingProblem) as caught:
        make()
    assert caught.value.field == field


def test_a_misspelt_estimator_has_a_remedy():
    with pytest.raises(SettingProblem, match="did you mean 'pixel'"):
        MeasureSettings(estimators=("pixl",))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (nircam(filter="F201W"), r"observation\[0\].filter: .*did you mean F200W"),
        (alma(configuration="C-11"), r"observation\[0\].configuration: .*C-10"),
        (alma(rest_um=20.0), r"observation\[0\].rest_um: .*no receiver band"),
        (
            alma(resolution_arcsec=5.0, configuration=None),
            r"observation\[0\].resolution_arcsec: no configuration",
        ),
        (alma(dec_deg=80.0), r"observation\[0\].dec_deg: .*z = 5"),
        (nircam(filter=None, rest_um=2.0), r"observation\[0\].rest_um: .*no wide filter"),
        (nircam(psf=Path("none.fits")), "none.fits"),
        (alma(pixel_arcsec=1.0), r"observation\[0\].pixel_arcsec: .*too large"),
        (nircam(pixel_arcsec=9.0), r"observation\[0\].pixel_arcsec: is 9;"),
        (nircam(snr_kind="exposure", snr=(1.0,)), r"observation\[0\].snr: .*no two reads"),
    ],
)
def test_instruments_that_do_not_exist(settings, words):
    with pytest.raises(InputError, match=words) as caught:
        observing(settings, 5.0, HERE, "observation[0]")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("z", "expected"), [(5.0, "F090W"), (7.0, "F115W"), (10.0, "F150W")])
def test_the_filter_that_sees_a_wavelength(z, expected):
    assert wide_filter_at(0.15, z) == expected
