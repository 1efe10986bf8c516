"""Giving candidates the probability that they are real."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pipeline.block import StreamHeader
from pipeline.classifier.model import Classifier
from pipeline.classifier.stamps import make_stamp, stack
from pipeline.cutouts import Cutout
from pipeline.matched import header_as_searched, point_template
from pipeline.sinks.files import read_results, rewrite_candidates
from pipeline.vetting import Features, features


def classify(
    candidates: Table,
    cutouts: Mapping[int, Cutout],
    found: Mapping[int, Features],
    header: StreamHeader,
    classifier: Classifier,
    prior: float = 0.5,
) -> dict[str, Any]:
    """Fill ``p_real`` of the candidates that have a cut-out; NaN of those that have none.

    Nothing is dropped, and of images of a single pixel nothing is said.

    Parameters
    ----------
    candidates : astropy.table.Table
        Changed in place.
    cutouts, found : mapping
        By the ``id`` of the candidate; what was measured of each with that header.
    header : StreamHeader
        Of the images that were searched.
    classifier : Classifier
    prior : float
        Share of candidates that are real before any is looked at.

    Returns
    -------
    dict
        For the summary: how many were classified, and how many are rather real than not.
    """
    candidates["p_real"] = np.nan
    rows, stamps = [], []
    for i, number in enumerate(np.asarray(candidates["id"]).tolist()):
        cutout = cutouts.get(number)
        if cutout is None:
            continue
        stamp = make_stamp(cutout, header, found[number], float(candidates["sidelobe"][i]))
        if stamp is not None:
            rows.append(i)
            stamps.append(stamp)
    if rows:
        candidates["p_real"][rows] = classifier.probabilities(stack(stamps), prior)
    likely = int(np.sum(candidates["p_real"][rows] >= 0.5)) if rows else 0
    return {
        "n_candidates": len(candidates),
        "n_classified": len(rows),
        "n_likely_real": likely,
        "prior": prior,
    }


def classify_folder(folder: Path, classifier: Classifier, prior: float) -> dict[str, Any]:
    """Classify the results of a search in their folder, in place of what was said before.

    Every file is replaced as a whole; the report is not remade.

    Raises
    ------
    InputError
        The folder holds no results, or cannot be written to.
    """
    results = read_results(folder)
    table = results.candidates.copy()
    header = results.header
    if results.config.get("search", {}).get("matched_filter"):
        header = header_as_searched(header, point_template(header))
    found = {number: features(cutout, header) for number, cutout in results.cutouts.items()}
    said = classify(table, results.cutouts, found, header, classifier, prior)
    rewrite_candidates(folder, table, {**results.summary, "classifier": said})
    return said
