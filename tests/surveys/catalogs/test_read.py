"""Catalogs from files of every format, and what is said of those that cannot be used."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import Param
from astropy.table import MaskedColumn, Table

from surveys.catalogs.read import read_catalog
from surveys.errors import InputError

Z = np.array([0.1867, 0.2170, 0.05])
LOG_MASS = np.array([14.2, 14.4, 12.5])
RA = np.array([240.5, 240.6, 359.9999])
DEC = np.array([-11.3, -11.2, 89.5])


def native(**more) -> Table:
    table = Table(
        {
            "name": ["A", "B", "C"],
            "ra": RA * u.deg,
            "dec": DEC * u.deg,
            "z": Z,
            "log_mass": LOG_MASS,
            "log_mass_err_lo": [0.1, 0.2, 0.3],
            "log_mass_err_hi": [0.2, 0.1, 0.0],
            **more,
        },
        meta={"mass_definition": "200c"},
    )
    return table


def write_votable(table: Table, path) -> None:
    document = from_table(table)
    first = document.get_first_table()
    first.params.append(
        Param(
            document, name="mass_definition", value="200c", datatype="char", arraysize="*", ID="md"
        )
    )
    document.to_xml(str(path))


def write_fits(table: Table, path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)  # a keyword of 15 letters
        table.write(path, format="fits")


def write_csv(table: Table, path) -> None:
    table.write(path, format="ascii.csv")
    path.write_text("# mass_definition = 200c\n" + path.read_text())


def write_tsv(table: Table, path) -> None:
    """As VizieR writes it: comments, names, units, dashes, rows."""
    header = "\t".join(table.colnames)
    units = "\t".join("deg" if name in ("ra", "dec") else " " for name in table.colnames)
    dashes = "\t".join("---" for _ in table.colnames)
    rows = "\n".join("\t".join(str(value) for value in row) for row in table)
    path.write_text(f"#mass_definition: 200c\n#\n\n{header}\n{units}\n{dashes}\n{rows}\n")


WRITERS = {
    "a.fits": write_fits,
    "a.ecsv": lambda table, path: table.write(path, format="ascii.ecsv"),
    "a.csv": write_csv,
    "a.tsv": write_tsv,
    "a.vot": write_votable,
    "no_suffix": write_fits,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("compressed", [False, True])
def test_every_format_gives_the_same_catalog(tmp_path, name, compressed):
    path = tmp_path / name
    WRITERS[name](native(), path)
    if compressed:
        packed = tmp_path / f"{name}.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    catalog = read_catalog(path)
    assert catalog.name.tolist() == ["A", "B", "C"]
    for column, values in (("ra_deg", RA), ("dec_deg", DEC), ("z", Z), ("log_mass", LOG_MASS)):
        np.testing.assert_allclose(getattr(catalog, column), values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(catalog.log_mass_err_lo, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(catalog.log_mass_err_hi, [0.2, 0.1, 0.0])
    assert catalog.mass_definition.tolist() == ["200c"] * 3
    assert catalog.source == str(path)
    assert catalog.notes == ()
    assert np.isnan(catalog.log_mstar).all()
    assert np.isnan(catalog.centring_kpc).all()


def test_machine_readable_tables_with_hours_and_a_sign(tmp_path):
    sky = SkyCoord(RA, [-0.3, -11.2, 89.5], unit="deg")
    table = Table({"Name": ["A", "B", "C"], "zsp": Z, "logMh": LOG_MASS, "where": sky})
    path = tmp_path / "table2.txt"
    table.write(path, format="ascii.mrt")  # makes RAh, RAm, RAs, DE-, DEd, DEm, DEs
    # astropy loses the sign of -0 degrees as it writes; tables of journals have it
    path.write_text(path.read_text().replace("+00 18", "-00 18"))
    mapped = {
        "mass_definition": "500c",
        "columns": {
            "name": "Name",
            "ra": "RAdeg",
            "dec": "DEdeg",
            "z": "zsp",
            "log_mass": "logMh",
        },
    }
    catalog = read_catalog(path, mapped)
    np.testing.assert_allclose(catalog.ra_deg, RA, atol=1e-7)
    np.testing.assert_allclose(catalog.dec_deg, [-0.3, -11.2, 89.5], atol=1e-7)
    np.testing.assert_allclose(catalog.log_mass, LOG_MASS)
    assert set(catalog.mass_definition) == {"500c"}


@pytest.mark.parametrize(
    "text",
    [
        "ra,dec,z,log_mass\n240.5,-11.3,0.2,14.1\n3,4,0.1,13\n",
        "ra, dec, z, log_mass\r\n240.5, -11.3, 0.2, 14.1\r\n3, 4, 0.1, 13\r\n",
        "ra;dec;z;log_mass\n240.5;-11.3;0.2;14.1\n3;4;0.1;13\n",
        " ra   dec  z log_mass\n 240.5 -11.3 0.2 14.1\n 3 4 0.1 13\n",
        "ra\tdec\tz\tlog_mass\ndeg\tdeg\t\t\n240.5\t-11.3\t0.2\t14.1\n3\t4\t0.1\t13\n",
        "# ra dec z log_mass\n240.5 -11.3 0.2 14.1\n3 4 0.1 13\n",
        "#ra,dec,z,log_mass\n240.5,-11.3,0.2,14.1\n3,4,0.1,13\n",
        "name,ra,dec,z,log_mass\nNGC 1,240.5,-11.3,0.2,14.1\n,3,4,0.1,13\n--,nan,4,0.1,13\n",
    ],
)
def test_text_as_people_write_it(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text("# mass_definition: vir\n" + text)
    catalog = read_catalog(path)
    assert catalog.ra_deg.tolist() == [240.5, 3.0]
    assert catalog.dec_deg.tolist() == [-11.3, 4.0]
    assert catalog.log_mass.tolist() == [14.1, 13.0]
    assert set(catalog.mass_definition) == {"vir"}


def test_the_table_that_is_meant_among_several(tmp_path):
    path = tmp_path / "many.fits"
    junk = fits.BinTableHDU(Table({"x": [1.0, 2.0]}), name="JUNK")
    other = native()
    other["log_mass"] -= 1.0
    other.meta = {}
    good = native()
    good.meta = {}
    good = fits.BinTableHDU(good, name="HALOS")
    second = fits.BinTableHDU(other, name="LIGHT")
    good.header["MASSDEF"] = second.header["MASSDEF"] = "vir"
    fits.HDUList([fits.PrimaryHDU(), junk, good, second]).writeto(path)
    assert read_catalog(path).log_mass.tolist() == LOG_MASS.tolist()
    np.testing.assert_allclose(read_catalog(path, {"extension": "LIGHT"}).log_mass, LOG_MASS - 1)
    assert set(read_catalog(path, {"extension": 2}).mass_definition) == {"vir"}
    with pytest.raises(InputError, match=r"no table 'HALO'; it has 1 \(JUNK\), 2 \(HALOS\)"):
        read_catalog(path, {"extension": "HALO"})


def test_sexagesimal_hourangle_and_negative_right_ascensions(tmp_path):
    sky = SkyCoord(RA, DEC, unit="deg")
    path = tmp_path / "words.ecsv"
    table = native(ra=sky.ra.to_string("hourangle", sep=":", precision=6))
    table["dec"] = sky.dec.to_string("deg", sep=" ", precision=5, alwayssign=True)
    table.write(path, format="ascii.ecsv")
    catalog = read_catalog(path)
    np.testing.assert_allclose(catalog.ra_deg, RA, atol=1e-8)
    np.testing.assert_allclose(catalog.dec_deg, DEC, atol=1e-8)

    path = tmp_path / "letters.csv"
    table["ra"] = sky.ra.to_string("hourangle", precision=6)
    table["dec"] = sky.dec.to_string("deg", precision=5)
    write_csv(table, path)
    np.testing.assert_allclose(read_catalog(path).ra_deg, RA, atol=1e-8)

    path = tmp_path / "hours.ecsv"
    native(ra=RA / 15 * u.hourangle).write(path, format="ascii.ecsv")
    np.testing.assert_allclose(read_catalog(path).ra_deg, RA, atol=1e-10)

    path = tmp_path / "negative.ecsv"
    native(ra=RA - 360.0).write(path, format="ascii.ecsv")
    np.testing.assert_allclose(read_catalog(path).ra_deg, RA, atol=1e-10)


def test_rows_that_say_nothing_are_left_out_and_counted(tmp_path):
    n = 40
    rng = np.random.default_rng(3)
    table = Table(
        {
            "name": [f"g{i}" for i in range(n)],
            "ra": rng.uniform(0, 360, n),
            "dec": rng.uniform(-60, 60, n),
            "z": rng.uniform(0.1, 0.5, n),
            "log_mass": MaskedColumn(np.full(n, 13.0), mask=np.zeros(n, bool)),
        },
        meta={"mass_definition": "vir"},
    )
    table["ra"][0] = np.nan
    table["z"][1] = np.nan
    table["z"][2] = 0.0
    table["log_mass"].mask[3:5] = True
    table["log_mass"][5] = 3.0
    table["ra"][7] = table["ra"][6] + 0.5 / 3600  # within 1 arcsec, same z
    table["dec"][7] = table["dec"][6]
    table["z"][7] = table["z"][6] + 5e-5
    for name in ("ra", "dec", "name"):  # the same name and place, a photometric z apart
        table[name][9] = table[name][8]
    table["ra"][11] = table["ra"][10]  # the same place, another z and name: not the same
    table["dec"][11] = table["dec"][10]
    table["z"][11] = table["z"][10] + 0.01
    path = tmp_path / "rows.ecsv"
    table.write(path, format="ascii.ecsv")
    catalog = read_catalog(path)
    out = {"g0", "g1", "g2", "g3", "g4", "g5", "g7", "g9"}
    assert set(catalog.name) == {f"g{i}" for i in range(n)} - out
    assert catalog.notes == (
        "1 row left out: no position",
        "1 row left out: no redshift",
        "1 row left out: a redshift of zero",
        "2 rows left out: no mass and no richness",
        "1 row left out: an impossible halo mass",
        "2 rows left out: duplicates of another row",
    )


def test_a_cluster_and_its_central_galaxy_are_two_rows(tmp_path):
    path = tmp_path / "both.ecsv"
    table = Table(
        {
            "name": ["BCG", "cluster"],
            "ra": [10.0, 10.0],
            "dec": [0.0, 0.0],
            "z": [0.2, 0.2],
            "log_mass": [np.nan, 14.5],
            "log_mstar": [11.8, np.nan],
        },
        meta={"mass_definition": "200m"},
    )
    table.write(path, format="ascii.ecsv")
    catalog = read_catalog(path)
    assert catalog.name.tolist() == ["BCG", "cluster"]
    assert catalog.mass_definition.tolist() == ["", "200m"]


def test_galaxies_without_a_mass_for_finding_groups(tmp_path):
    path = tmp_path / "redshifts.csv"
    Table({"RA": RA, "DEC": DEC, "z": Z, "r": [19.0, 18.0, 17.0]}).write(path)
    catalog = read_catalog(path, {"columns": {"magnitude": "r"}}, need_mass=False)
    assert catalog.magnitude.tolist() == [19.0, 18.0, 17.0]
    assert not catalog.has_mass.any()
    with pytest.raises(InputError, match="log_mass: is not there"):
        read_catalog(path)


def test_minus_one_may_mean_nothing_but_is_a_declination(tmp_path):
    path = tmp_path / "erass.fits"
    Table(
        {
            "RA": [10.0, 11.0],
            "DEC": [-1.0, 5.0],
            "BEST_Z": [0.1, -1.0],
            "M500": [10.0, 12.0],
            "M500_L": [-1.0, 8.0],
            "M500_H": [-1.0, 14.0],
        }
    ).write(path)
    catalog = read_catalog(path)
    assert catalog.dec_deg.tolist() == [-1.0]
    assert catalog.log_mass_err_lo.tolist() == [0.0]
    assert catalog.notes[-1] == "1 row left out: no redshift"


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert isinstance(error.value, ValueError)
    return text


BAD = {
    "no ra": ({"ra": None}, None, ("ra", "looked for ra, ra_deg", "has name, dec", "column map")),
    "no z": ({"z": None}, None, ("z", "looked for z", "has name, ra", "z = ")),
    "no mass": (
        {"log_mass": None, "log_mass_err_lo": None, "log_mass_err_hi": None},
        None,
        ("log_mass", "looked for log_mass, log_mstar, richness"),
    ),
    "linear": ({"log_mass": 10**LOG_MASS}, None, ("log_mass", "10^14.2", "log = false")),
    "log10 called Msun": (
        {"log_mass": LOG_MASS * u.Msun},
        None,
        ("log_mass", "log = true", "14.2"),
    ),
    "units of 1e13": (
        {"log_mass": 10 ** (LOG_MASS - 13)},
        {"columns": {"log_mass": {"column": "log_mass", "log": False}}},
        ("log_mass", "in 1e12 Msun or 1e13 Msun", "right", 'unit = "1e12 Msun"'),
    ),
    "mass in kpc": ({"log_mass": LOG_MASS * u.kpc}, None, ("log_mass", "kpc", "unit = ")),
    "mass per h": (
        {"log_mass": 10**LOG_MASS * u.Unit("Msun / h")},
        None,
        ("log_mass", "H0/100", "and h"),
    ),
    "RA": ({"ra": [240.0, 1e5, 3.0]}, None, ("ra", "100000 deg in row 2", "-360 to 360")),
    "Dec": ({"dec": [-91.0, 95.0, 3.0]}, None, ("dec", "-91 deg in row 1 (2 such", "-90 to 90")),
    "z below 0": ({"z": [0.1, -0.2, 0.3]}, None, ("z", "-0.2 in row 2", "sentinel")),
    "z in km/s": ({"z": Z * 3e5}, None, ("z", "velocity in km/s", "map it as velocity")),
    "text": ({"z": ["a", "b", "c"]}, None, ("z", "holds text", "another column")),
    "half an angle": ({"ra": ["01:02:03", "x", "3:4:5"]}, None, ("ra", "'x' in row 2", "12:34")),
    "definition": (
        {},
        {"mass_definition": "200k"},
        ("mass_definition", "'200k' is not known", "did you mean"),
    ),
    "negative error": ({"log_mass_err_hi": [0.1, -0.4, 0]}, None, ("log_mass_err_hi", "sentinel")),
    "huge error": ({"log_mass_err_lo": [0.1, 99.0, 0]}, None, ("log_mass_err_lo", "99 dex")),
    "all NaN": ({"z": [np.nan] * 3}, None, ("rows", "none can be used", "no redshift")),
    "all masses NaN": ({"log_mass": [np.nan] * 3}, None, ("log_mass", "no row has a halo mass")),
    "mapped column": (
        {},
        {"columns": {"ra": "RA_BCG"}},
        ("ra", "looked for RA_BCG", "table has name, ra"),
    ),
    "wrong side": (
        {},
        {"columns": {"log_mass_err_hi": {"column": "log_mass_err_hi", "kind": "bound"}}},
        ("log_mass_err_hi", "row 1", 'kind = "error"'),
    ),
    "relation without richness": (
        {},
        {"richness": {"pivot": 40, "log_mass_at_pivot": 14, "slope": 1}},
        ("richness", "no richness", "richness = "),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_told_in_one_line(tmp_path, case):
    changes, mapped, words = BAD[case]
    table = native(**{k: v for k, v in changes.items() if v is not None})
    table.remove_columns([k for k, v in changes.items() if v is None])
    path = tmp_path / "bad.fits"
    write_fits(table, path)
    with pytest.raises(InputError) as error:
        read_catalog(path, mapped)
    text = one_line(error)
    where = "columns" if case == "definition" else str(path)
    assert text.startswith(f"{where}: {words[0]}")
    for word in words:
        assert word in text


def test_bad_files_are_told_in_one_line(tmp_path):
    whole = tmp_path / "whole.fits"
    write_fits(native(), whole)
    cases = {
        "nothing.fits": (None, "does not exist"),
        "empty.csv": (b"", "is empty"),
        "blank.csv": (b" \n\n", "is empty"),
        "only comments.csv": (b"# a\n# b\n", "has no rows"),
        "no rows.csv": (b"ra,dec,z,log_mass\n", "has no rows"),
        "cut.fits": (whole.read_bytes()[:6000], "cannot be read"),
        "head.fits": (whole.read_bytes()[:2000], "cannot be read"),
        "noise.bin": (bytes(range(256)) * 4, "is of no known format"),
        "cut.ecsv": (b"# %ECSV 1.0\n# ---\n# datatype:\n", "cannot be read"),
        "cut.vot": (b"<?xml version='1.0'?><VOTABLE><RESOURCE>", "cannot be read"),
        "cut.gz": (gzip.compress(whole.read_bytes())[:300], "cannot be read"),
        "ragged.csv": (b"ra,dec,z,log_mass\n1,2\n1,2,3,4,5,6\n", "cannot be read"),
        "folder": (..., "cannot be read"),
        "image.fits": (..., "has no table"),
    }
    for name, (content, problem) in cases.items():
        path = tmp_path / name
        if name == "folder":
            path.mkdir()
        elif name == "image.fits":
            fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)
        elif content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=problem) as error:
            read_catalog(path)
        text = one_line(error)
        assert text.startswith(f"{path}: file: "), name
        assert "; " in text


def test_a_definition_must_be_said_and_can_differ_by_row(tmp_path):
    path = tmp_path / "a.csv"
    native().write(path, format="ascii.csv")
    with pytest.raises(InputError, match=r'mass_definition: is not said.*"200c"'):
        read_catalog(path)
    native(mass_definition=["vir", "200m", "500c"]).write(path, overwrite=True, format="ascii.csv")
    assert read_catalog(path).mass_definition.tolist() == ["vir", "200m", "500c"]
    native(mass_definition=["vir", "200m", "300c"]).write(path, overwrite=True, format="ascii.csv")
    with pytest.raises(InputError, match=r"'300c' is not known; did you mean '[25]00c'"):
        read_catalog(path)


def test_file_names_with_control_characters_stay_on_one_line(tmp_path):
    path = tmp_path / "a\x1b[31m\nb.csv"
    with pytest.raises(InputError) as error:
        read_catalog(path)
    assert "\\x1b" in one_line(error)


def test_a_million_rows(tmp_path):
    """Large catalogs are read as small ones are; the spacing makes no two rows the same."""
    n = 1_000_000
    i = np.arange(n)
    golden = (1 + 5**0.5) / 2
    table = Table(
        {
            "RA": (i / golden % 1) * 360,
            "DEC": np.rad2deg(np.arcsin(1 - (2 * i + 1) / n)),
            "Z": 0.01 + 0.5 * (i % 1000) / 1000,
            "TARGETID": i,
            "LOGM": 9 + 2.5 * (i % 777) / 777,
            "LOGM_ERR": np.full(n, 0.1),
        }
    )
    table[n - 1] = table[0]
    path = tmp_path / "large.fits"
    table.write(path)
    catalog = read_catalog(path)
    assert len(catalog) == n - 1
    assert catalog.notes[1:] == ("1 row left out: duplicates of another row",)
    np.testing.assert_allclose(catalog.log_mstar, table["LOGM"][:-1])
