"""DM of the Galaxy from the models NE2001 and NE2025, as the package ``mwprop`` computes them.

``mwprop`` (Ocker & Cordes 2024, 2026) is not a dependency: it is asked for where the user has
installed it. It keeps the name of the model in a file of its own, and what it loaded first
in the process: asked for both models in one process, it answers twice with the same. So every
evaluation is a process of its own, which also says which model it really loaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from astropy.coordinates import SkyCoord

from surveys.errors import InputError
from surveys.milky_way.terms import RELATIVE_ERROR, MilkyWayDM

MODELS = ("NE2001", "NE2025")
DISTANCE_KPC = 50.0
"""How far out the models are summed: all of the disk."""

# What the other process runs; its last line is the answer.
_EVALUATE = """
import importlib, json, sys
model, l, b, distance = sys.argv[1], *map(float, sys.argv[2:])
try:
    module = importlib.import_module("mwprop.nemod." + model)
except ModuleNotFoundError as error:
    print(json.dumps({"missing": error.name}))
    sys.exit()
config = importlib.import_module("mwprop.nemod.config_nemod")
loaded = "NE2025" if config.eval_NE2025 else "NE2001"
function = getattr(module, model.lower())
values = function(ldeg=l, bdeg=b, dmd=distance, ndir=-1, classic=False, dmd_only=True)[1]
print()
print(json.dumps({"dm": float(values["DM"]), "loaded": loaded}))
"""


def ism_from_model(
    model: str,
    position: SkyCoord,
    relative_error: float = RELATIVE_ERROR,
    timeout_s: float = 120.0,
    python: str | None = None,
) -> MilkyWayDM:
    """DM of the Galaxy to its edge, from NE2001 or NE2025.

    Parameters
    ----------
    model : {"NE2001", "NE2025"}
    position : astropy.coordinates.SkyCoord
    relative_error : float
    timeout_s : float
        An evaluation takes some seconds.
    python : path, optional
        The interpreter that has ``mwprop``; the one that runs this unless given.

    Raises
    ------
    InputError
        The model is not known, ``mwprop`` is not installed or fails, or time is up.
    """
    if model not in MODELS:
        raise InputError(
            "Milky Way", "model", f"{model!r} is not known", f"use {' or '.join(MODELS)}"
        )
    l, b = float(position.galactic.l.deg), float(position.galactic.b.deg)
    answer = _ask(model, l, b, timeout_s, python or sys.executable)
    if "missing" in answer:
        raise InputError(
            "mwprop",
            model,
            f"the module {answer['missing']!r} is not installed",
            "run: pip install mwprop (and what it needs: matplotlib, mpmath), "
            "or give the DM as a number",
        )
    if answer["loaded"] != model:
        raise InputError(
            "mwprop",
            model,
            f"it loaded {answer['loaded']}: another process asked for that at the same time",
            "run again, with one evaluation at a time",
        )
    value = answer["dm"]
    return MilkyWayDM(value, relative_error * value, f"{model} (mwprop)")


def _ask(model: str, l: float, b: float, timeout_s: float, python: str) -> dict:
    """What another process says of a model."""
    command = [python, "-c", _EVALUATE, model, repr(l), repr(b), repr(DISTANCE_KPC)]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    try:
        # A folder of its own: what is in the user's is no module of mwprop.
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                cwd=folder,
                env=environment,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise InputError(
            "mwprop",
            model,
            f"no answer within {timeout_s:g} s",
            "allow more time, or give the DM as a number",
        ) from None
    except OSError as error:
        raise InputError(
            "mwprop", "python", f"{python} does not run ({error})", "name another interpreter"
        ) from None
    lines = done.stdout.strip().splitlines()
    try:
        if done.returncode == 0:
            return json.loads(lines[-1])
    except (IndexError, ValueError):
        pass
    said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
    raise InputError(
        "mwprop",
        model,
        f"the evaluation failed with code {done.returncode} ({said})",
        "try a current mwprop in a folder that can be written to, or give the DM as a number",
    )
