"""Catalogs of users: what psrcat prints, and other tables."""

import gzip

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from surveys.errors import InputError
from surveys.known_sources.read import read_known
from surveys.known_sources.sources import KnownSources, concatenate

SHORT_CSV = """\
#;NAME;RAJ;DECJ;P0;DM;S1400;
;;(hms);(dms);(s);(cm^-3 pc);(mJy);
1;J0332+5434;03:32:59.4;+54:34:43.3;0.714520;26.76;203.00;
2;J0023+09;00:23;+09:00;0.003050;14.30;*;
3;J1745-3040;17:45:56.3;-30:40:22.9;*;88.37;21.00;
"""
LONG_CSV = """\
#;NAME;;RAJ;;;DECJ;;;P0;;;DM;;;S1400;;;
;;;(hms);;;(dms);;;(s);;;(cm^-3 pc);;;(mJy);;;
1;J0332+5434;sp69;03:32:59.4;2.0e-02;hlk+04;+54:34:43.3;4.0e-01;hlk+04;0.714520;1.0e-12;hlk+04;26.76;1.0e-03;hlk+04;203.00;5.7e+01;lylg95;
2;J0023+09;hrm+11;00:23;0;hrm+11;+09:00;0;hrm+11;0.003050;0;hrm+11;14.30;0;hrm+11;*;0;*;
3;J1745-3040;kac73;17:45:56.3;1.0e-02;hlk+04;-30:40:22.9;1.1e+00;hlk+04;*;0;*;88.37;1.0e-02;hlk+04;21.00;6.0e-01;jk18;
"""
SHORT = """\
------------------------------------------------------------------------------------
#     NAME         RAJ           DECJ          P0         DM           S1400
                   (hms)         (dms)         (s)        (cm^-3 pc)   (mJy)
------------------------------------------------------------------------------------
1     J0332+5434   03:32:59.4    +54:34:43.3   0.714520   26.76        203.00
2     J0023+09     00:23         +09:00        0.003050   14.30        *
3     J1745-3040   17:45:56.3    -30:40:22.9   *          88.37        21.00
------------------------------------------------------------------------------------
"""
# Without S1400, whose error is not looked at.
LONG = """\
------------------------------------------------------------------------------------------
#     NAME         RAJ                    DECJ                   P0                  DM
                   (hms)                  (dms)                  (s)                 (cm^-3 pc)
------------------------------------------------------------------------------------------
1     J0332+5434   03:32:59.4    2.0e-02  +54:34:43.3   4.0e-01  0.714520   1.0e-12  26.76  1.0e-03
2     J0023+09     00:23               0  +09:00              0  0.003050         0  14.30        0
3     J1745-3040   17:45:56.3    1.0e-02  -30:40:22.9   1.1e+00  *                0  88.37  1.0e-02
------------------------------------------------------------------------------------------
"""


@pytest.mark.parametrize(
    ("text", "long"),
    [
        (SHORT_CSV, False),
        (LONG_CSV, True),
        (SHORT, False),
        (LONG, True),
        # Rules are cut off by hand.
        ("\n".join(line for line in SHORT.splitlines() if "---" not in line), False),
    ],
)
def test_what_psrcat_prints(tmp_path, text, long):
    path = tmp_path / "atnf.txt"
    path.write_text(text)
    known = read_known(path)
    assert list(known.name) == ["J0332+5434", "J0023+09", "J1745-3040"]
    assert np.allclose(known.ra_deg, [53.2475, 5.75, 266.4845833])
    assert np.allclose(known.dec_deg, [54.5786944, 9.0, -30.6730278])
    assert np.allclose(known.period_s, [0.71452, 0.00305, np.nan], equal_nan=True)
    assert np.allclose(known.dm_pc_cm3, [26.76, 14.3, 88.37])
    # A mean over the period says nothing of a pulse without a width.
    assert np.isnan(known.flux_hi_jy).all()
    # Half a minute of time, and half an arcminute, where the catalogue has no more.
    coarse = np.hypot(0.5 * 60 * 15, 30)
    assert known.position_error_arcsec[1] == pytest.approx(coarse)
    first = np.hypot(15 * 0.02 * np.cos(np.radians(54.5787)), 0.4) if long else np.hypot(0.75, 0.05)
    assert known.position_error_arcsec[0] == pytest.approx(first, rel=1e-4)
    assert np.isfinite(known.dm_error_pc_cm3).any() == long
    assert known.notes == ()


def test_mean_fluxes_of_pulsars_become_those_of_pulses(tmp_path):
    path = tmp_path / "atnf.csv"
    path.write_text(
        "JNAME,RAJ,DECJ,P0,W50,S1400,SPINDX\nJ0332+5434,03:32:59.4,54:34:43,0.7145,6.6,203,-1.6\n"
    )
    known = read_known(path)
    assert known.width_hi_s[0] == pytest.approx(0.0066)
    assert known.flux_hi_jy[0] == pytest.approx(0.203 * 0.7145 / 0.0066)
    assert (known.freq_mhz[0], known.spectral_index[0]) == (1400, -1.6)


@pytest.mark.parametrize("kind", ["ecsv", "csv", "fits", "gz"])
def test_other_tables(tmp_path, kind):
    table = Table(
        {
            "Source_Name": ["A J0210-10", "B"],
            "RA": [32.6, 40.0],
            "DEC": [-10.2, 5.0],
            "period": [12.0, 1.5],
            "peak_flux_mjy": [30.0, np.nan],
            "freq_ghz": [1.4, 0.7],
        }
    )
    if kind in ("ecsv", "fits"):
        table["period"].unit = u.min
    path = tmp_path / f"mine.{kind}"
    if kind == "gz":
        table.write(tmp_path / "plain.csv", format="ascii.csv")
        path.write_bytes(gzip.compress((tmp_path / "plain.csv").read_bytes()))
    else:
        table.write(path, format={"ecsv": "ascii.ecsv", "csv": "ascii.csv"}.get(kind, kind))
    known = read_known(path)
    assert list(known.name) == ["A J0210-10", "B"]
    assert np.allclose(
        known.period_s, np.array([12, 1.5]) * (60 if kind in ("ecsv", "fits") else 1)
    )
    assert np.allclose(known.flux_hi_jy, [0.03, np.nan], equal_nan=True)
    assert np.allclose(known.freq_mhz, [1400, 700])
    assert known.notes == ()


def test_galactic_positions_alone_and_beside_others(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("name,l,b\nCrab,184.5575,-5.7843\n")
    known = read_known(path)
    assert known.ra_deg[0] == pytest.approx(83.633, abs=1e-3)
    path.write_text("name,ra,dec,l,b\nCrab,184.5575,-5.7843,184.5575,-5.7843\n")
    (note,) = read_known(path).notes
    assert "row 1 (Crab)" in note
    assert "declination are l and b" in note


def test_rows_without_a_position_and_rows_at_odds_are_told(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("name,ra,dec\nY,10,20\nX,,\nILT J1101+5521,150.455,55.522\n")
    known = read_known(path)
    assert list(known.name) == ["Y", "ILT J1101+5521"]
    gone, odd = known.notes
    assert "1 row without a position" in gone
    assert "row 3 (ILT J1101+5521)" in odd
    assert "Galactic" in odd


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name,ra\nX,10\n", ("dec", "is missing", "name, ra")),
        ("name,ra,dec\nX,10,95\n", ("dec", "row 1", "95")),
        ("name,ra,dec,period\nX,10,5,3\nY,11,5,long\n", ("period", "row 2", "'long'")),
        ("name,ra,dec,period\nX,10,5,3\nY,11,5,-2\n", ("period", "row 2 (Y)", "-2")),
        ("name,ra,dec\nX,12:00:00,05:00:00\nY,noon,05:00:00\n", ("ra", "row 2", "'noon'")),
        ("name,ra,dec\nX,,\n", ("no row has a position",)),
        ("", ("is empty",)),
        ("#;NAME;RAJ;DECJ;\n;;(hms);(dms);\n1;J0332+5434;03:32:59;\n", ("line 3", "3 cells", "4")),
        ("#;NAME;RAJ;DECJ;\n;;(hms);(dms);\n", ("has no rows",)),
        ("1     J0332+5434   03:32:59.4    +54:34:43.3\n", ("line 1", "is no heading")),
        (
            SHORT.replace("00:23         +09:00        0.003050   14.30        *", "00:23"),
            ("line 6", "DECJ"),
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, wanted):
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_known(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for word in wanted:
        assert word in message


def test_a_file_that_is_not_there_and_one_that_is_cut_off(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_known(tmp_path / "none.csv")
    path = tmp_path / "cut.fits"
    Table({"ra": np.arange(500.0) / 2, "dec": np.zeros(500)}).write(path)
    path.write_bytes(path.read_bytes()[:7000])
    with pytest.raises(InputError, match="cannot be read"):
        read_known(path)


def test_catalogs_together_and_some_rows():
    first = KnownSources.of(["a", "b"], [1, 2], [3, 4], period_s=[5, 6], source="x", notes=("n",))
    both = concatenate([first, KnownSources.of("c", [7], [8], source="y"), concatenate([])])
    assert list(both.name) == ["a", "b", "c"]
    assert both.notes == ("n",)
    assert np.isnan(both.period_s[2])
    assert list(both.chosen(both.ra_deg > 1).name) == ["b", "c"]
    with pytest.raises(TypeError, match="no column"):
        KnownSources.of("c", [7], [8], perod_s=1)
