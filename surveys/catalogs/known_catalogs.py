"""Column maps of catalogs that are in wide use, recognised from the names of their columns.

They are written as users write theirs (:mod:`surveys.catalogs.column_files`). Where a catalog
gives masses for h = 1, ``h = "cosmology"`` makes Msun of them with the h that is computed with.
Names that could not be checked against a description of the table are marked *unverified*; several
spellings are accepted for them, and units come from the header where it has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from surveys.catalogs.column_files import parse_column_map
from surveys.catalogs.columns import ColumnMap

CDS_RA = ["RAdeg", "RAJ2000", "_RA.icrs", "_RA", "_RAJ2000", "RA_ICRS", "RA", "ra"]
CDS_DEC = ["DEdeg", "DEJ2000", "_DE.icrs", "_DE", "_DEJ2000", "DE_ICRS", "DEC", "DE", "dec"]

SALPETER_TO_CHABRIER = 1 / 1.7


@dataclass(frozen=True)
class KnownCatalog:
    """A catalog and its map.

    Attributes
    ----------
    title : str
    needs : tuple of tuple of str
        One name of each group must be there for the table to be this catalog.
    columns : dict
        As a column map in TOML is read.
    """

    title: str
    needs: tuple[tuple[str, ...], ...]
    columns: dict[str, Any]

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a table with these columns is the catalog."""
        return all(set(group) & set(names) for group in self.needs)

    def map(self) -> ColumnMap:
        parsed = parse_column_map(self.columns, self.title)
        columns = {name: replace(c, needed=False) for name, c in parsed.columns.items()}
        return replace(parsed, columns=columns)


NATIVE = KnownCatalog(
    "native columns",
    (("ra", "ra_deg"), ("dec", "dec_deg"), ("z",), ("log_mass", "log_mstar", "richness")),
    {
        "columns": {
            **{name: name for name in ("name", "z", "z_err", "z_spec")},
            **{name: name for name in ("velocity", "distance")},
            "ra": ["ra", "ra_deg"],
            "dec": ["dec", "dec_deg"],
            **{f"log_mass{end}": f"log_mass{end}" for end in ("", "_err", "_err_lo", "_err_hi")},
            **{f"log_mstar{end}": f"log_mstar{end}" for end in ("", "_err", "_err_lo", "_err_hi")},
            **{name: name for name in ("mass_definition", "richness", "richness_err")},
            **{name: name for name in ("concentration", "group", "magnitude")},
            "centring": ["centring_kpc", "centring"],
        }
    },
)

KNOWN = (
    # Yang et al. 2021 (ApJ 909, 143), updated for DESI DR1; data.desi.lbl.gov/doc/releases/dr1/
    # vac/gfinder. GRP_LOGM is log10 of Msun/h, ranked by group luminosity; halos there are 180
    # times the mean density, of which 200m is the nearest. Its error is 0.2 dex above 1e13.5
    # and grows to 0.40 dex for low masses; that it does so at 1e12.5 is ours.
    KnownCatalog(
        "DESI gfinder groups",
        (("GRP_RA",), ("GRP_DEC",), ("GRP_Z",), ("GRP_LOGM",)),
        {
            "mass_definition": "200m",
            "columns": {
                "name": ["IGRP", "GRP_ID"],
                "ra": "GRP_RA",
                "dec": "GRP_DEC",
                "z": "GRP_Z",
                "log_mass": {"column": "GRP_LOGM", "log": True, "h": "cosmology"},
                "richness": "RICH",
            },
            "errors": {"default_dex": [[12.5, 0.4], [13.5, 0.2]]},
        },
    ),
    # Tully 2015 (AJ 149, 171), VizieR J/AJ/149/171/table5. Distances are in Mpc/h. Masses from
    # the luminosity, 1e12 Msun; with distances for h = 1 they go as 1/h (unverified in the
    # ReadMe). They are those inside the second turnaround, about 150-175 times the critical
    # density by the scaling relations of the paper (unverified): 200c is the nearest. The
    # distance is that of the velocity corrected for the cosmology, a luminosity distance.
    KnownCatalog(
        "Tully 2015 groups (VizieR)",
        (("Mlum",), ("Dist",), ("Nest",)),
        {
            "mass_definition": "200c",
            "columns": {
                "name": ["Nest", "PGC", "PGC1"],
                "ra": CDS_RA,
                "dec": CDS_DEC,
                "distance": {"column": "Dist", "unit": "Mpc", "h": "cosmology"},
                "log_mass": {
                    "column": "Mlum",
                    "unit": "1e12 Msun",
                    "log": False,
                    "h": "cosmology",
                },
                "richness": "Nmb",
            },
        },
    ),
    # The same catalog as the Extragalactic Distance Database writes it (edd.ifa.hawaii.edu):
    # Galactic coordinates, the group's velocity in km/s, and 1PGC for the brightest member.
    # Vgp is not in every copy; D_v (Mpc) then stands for it, for H0 = 75 (unverified).
    KnownCatalog(
        "Tully 2015 groups (EDD)",
        (("L_Mass12",), ("GLong", "Glong", "GLON"), ("GLat", "Glat", "GLAT")),
        {
            "mass_definition": "200c",
            "frame": "galactic",
            "columns": {
                "name": ["Nest", "1PGC", "PGC1", "pgc"],
                "ra": ["GLong", "Glong", "GLON"],
                "dec": ["GLat", "Glat", "GLAT"],
                "velocity": ["Vgp", "Vcmb", "Vcmba"],
                "distance": {"column": "D_v", "unit": "Mpc"},
                "log_mass": {
                    "column": "L_Mass12",
                    "unit": "1e12 Msun",
                    "log": False,
                    "h": "cosmology",
                },
                "richness": ["Ng", "Nmb"],
            },
        },
    ),
    # Lambert et al. 2020 (MNRAS 497, 2954), VizieR J/MNRAS/497/2954: luminosity distance,
    # observed and corrected members, R200 and M200. The names are unverified.
    KnownCatalog(
        "2MRS groups (Lambert et al. 2020)",
        (("M200",), ("Ncorr", "N_corr", "NCorr", "Nobs", "N_obs"), ("R200",)),
        {
            "mass_definition": "200c",
            "columns": {
                "name": ["ID", "Name", "Group", "GroupID", "2MRS"],
                "ra": CDS_RA,
                "dec": CDS_DEC,
                "velocity": ["cz", "Vel", "Vhel", "HRV", "VCMB"],
                "distance": ["D_L", "DL", "Dlum", "LDist"],
                "log_mass": {"column": "M200", "log": False},
                "log_mass_err": ["e_M200"],
                "richness": ["Ncorr", "N_corr", "NCorr", "Nobs", "N_obs"],
            },
        },
    ),
    # Cook et al. 2023 (ApJS 268, 14), NED Local Volume Sample. DistMpc is a luminosity
    # distance; it stands for z where z is not positive (DistMpc_method says whether it was
    # measured). Mstar is linear, on the scale of a Salpeter-like initial mass function: 1.7
    # times the Chabrier masses that relations between stellar and halo mass are made with.
    KnownCatalog(
        "NED Local Volume Sample",
        (("objname", "OBJNAME", "name"), ("DistMpc", "DISTMPC"), ("Mstar", "MSTAR")),
        {
            "columns": {
                "name": ["objname", "OBJNAME", "name"],
                "ra": ["ra", "RA"],
                "dec": ["dec", "DEC"],
                "z": ["z", "Z"],
                "z_err": ["z_unc", "Z_UNC"],
                "distance": {"column": ["DistMpc", "DISTMPC"], "unit": "Mpc"},
                "log_mstar": {
                    "column": ["Mstar", "MSTAR"],
                    "unit": f"{SALPETER_TO_CHABRIER:.4f} Msun",
                    "log": False,
                },
                "log_mstar_err": ["Mstar_unc", "MSTAR_UNC"],
            },
            "errors": {"sentinel": [-999, -99]},
        },
    ),
    # Bulbul et al. 2024 (A&A 685, A106), erass1cl_primary; west Galactic half of the sky only.
    # M500 is in 1e13 Msun, M500_L and M500_H are taken for the ends of its interval, as code that
    # works with the table does (not checked with its description). One on the wrong side of the
    # mass is refused, never taken for an error.
    KnownCatalog(
        "eRASS1 clusters",
        (("M500",), ("BEST_Z", "z_best", "Z_BEST")),
        {
            "mass_definition": "500c",
            "columns": {
                "name": ["NAME", "DETUID", "IAUNAME"],
                "ra": ["RA", "RA_XFIT", "ra"],
                "dec": ["DEC", "DEC_XFIT", "dec"],
                "z": ["BEST_Z", "z_best", "Z_BEST"],
                "z_err": ["BEST_ZERR", "BEST_Z_ERR", "z_best_err"],
                "log_mass": {"column": "M500", "unit": "1e13 Msun", "log": False},
                "log_mass_err_lo": {"column": ["M500_L", "M500_LO"], "kind": "bound"},
                "log_mass_err_hi": {"column": ["M500_H", "M500_HI", "M500_U"], "kind": "bound"},
                "richness": ["LAMBDA_NORM", "lambda_norm", "lambda"],
                "richness_err": ["LAMBDA_NORM_ERR", "LAMBDA_NORM_E"],
            },
            "errors": {"sentinel": [-1, -99, -999]},
        },
    ),
    # Rykoff et al. 2014 and 2016 (ApJ 785, 104; ApJS 224, 1), their FITS files and VizieR
    # J/ApJ/785/104, J/ApJS/224/1. Richness, no mass: the user gives a relation. There are five
    # candidate centres; RA, DEC are the likeliest.
    KnownCatalog(
        "redMaPPer clusters",
        (
            ("LAMBDA_CHISQ", "lambda_chisq", "LAMBDA", "lambda", "Lambda"),
            ("Z_LAMBDA", "z_lambda", "zlambda", "zLambda"),
        ),
        {
            "columns": {
                "name": ["NAME", "Name", "MEM_MATCH_ID", "mem_match_id", "ID"],
                "ra": CDS_RA,
                "dec": CDS_DEC,
                "z": ["Z_LAMBDA", "z_lambda", "zlambda", "zLambda"],
                "z_err": ["Z_LAMBDA_E", "Z_LAMBDA_ERR", "z_lambda_e", "e_zlambda", "e_zLambda"],
                "richness": ["LAMBDA_CHISQ", "lambda_chisq", "LAMBDA", "lambda", "Lambda"],
                "richness_err": [
                    *("LAMBDA_CHISQ_E", "lambda_chisq_e", "LAMBDA_ERR"),
                    *("e_lambda", "e_Lambda"),
                ],
                "pz": {"column": ["PZ", "pz"], "grid": "PZBINS"},
            },
        },
    ),
    # Zou et al. 2021 (ApJS 253, 56), VizieR J/ApJS/253/56. The names, and that masses are M500
    # in 1e14 Msun where the header says nothing, are unverified: the range of masses is checked.
    KnownCatalog(
        "clusters of the DESI Legacy Surveys (Zou et al. 2021)",
        (("M500", "logM500"), ("Rich", "RICH", "Richness", "lambda"), ("zphot", "zph", "ZPHOT")),
        {
            "mass_definition": "500c",
            "columns": {
                "name": ["ID", "Name", "CLUSTER_ID", "Seq"],
                "ra": ["RAdeg", "RA_BCG", *CDS_RA[1:]],
                "dec": ["DEdeg", "DEC_BCG", *CDS_DEC[1:]],
                "z": ["zphot", "zph", "ZPHOT"],
                "z_err": ["e_zphot", "e_zph", "ZPHOT_ERR"],
                "log_mass": ["M500", "logM500"],
                "log_mass_err": ["e_M500", "e_logM500"],
                "richness": ["Rich", "RICH", "Richness", "lambda"],
            },
        },
    ),
    # Simha et al. 2021 (ApJ 921, 134), VizieR J/ApJ/921/134: galaxies of the field of FRB
    # 180924. The names are unverified.
    KnownCatalog(
        "galaxies around FRB 180924 (Simha et al. 2021)",
        (
            ("logM*", "logMstar", "logMs", "Mstar"),
            ("zsp", "zspec", "z_spec", "zph", "zphot", "z_phot", "z_phot_med"),
        ),
        {
            "columns": {
                "name": ["ID", "DES", "Name", "DESID", "Seq"],
                "ra": CDS_RA,
                "dec": CDS_DEC,
                "z": ["zph", "zphot", "z_phot", "z_phot_med"],
                "z_spec": ["zsp", "zspec", "z_spec"],
                "z_err": ["e_zph", "e_zphot", "z_phot_err"],
                "log_mstar": ["logM*", "logMstar", "logMs", "Mstar"],
                "log_mstar_err": ["e_logM*", "e_logMstar", "e_logMs", "e_Mstar"],
                "log_mstar_err_lo": ["b_logM*", "b_logMstar", "b_logMs", "Mstar_loerr"],
                "log_mstar_err_hi": ["B_logM*", "B_logMstar", "B_logMs", "Mstar_uperr"],
            },
            "errors": {"sentinel": [-999, -99]},
        },
    ),
    # Value-added stellar masses of DESI (A&A 2024, aa51761): log10 of Msun.
    KnownCatalog(
        "DESI stellar masses",
        (("TARGETID",), ("LOGM",), ("Z",)),
        {
            "columns": {
                "name": "TARGETID",
                "ra": ["RA", "TARGET_RA"],
                "dec": ["DEC", "TARGET_DEC"],
                "z": "Z",
                "z_err": ["ZERR", "Z_ERR"],
                "log_mstar": {"column": "LOGM", "log": True},
                "log_mstar_err": {"column": "LOGM_ERR", "kind": "dex"},
            },
        },
    ),
)
"""From the most to the least particular; the first that fits is taken."""


def recognise(names: Sequence[str]) -> KnownCatalog | None:
    """The catalog whose columns these are, or None."""
    return next((known for known in (NATIVE, *KNOWN) if known.fits(names)), None)
