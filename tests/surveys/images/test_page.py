"""What docs/sizes_galaxies.md says about settings is what they are."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

import pytest

from surveys.images.dust import DustSettings
from surveys.images.fits_stacks import FitsSettings
from surveys.images.particle_files import ParticleSettings
from surveys.images.particle_images import ParticleImageSettings
from surveys.images.synthetic_settings import SyntheticSettings


@pytest.mark.parametrize(
    ("heading", "settings"),
    [
        ("## FITS", FitsSettings()),
        ("## Particles", ParticleSettings()),
        ("### Images of particles", ParticleImageSettings()),
        ("### Dust", DustSettings()),
        ("## Made-up galaxies", SyntheticSettings()),
    ],
)
def test_settings_of_the_page(repository, heading, settings):
    page = (repository / "docs" / "sizes_galaxies.md").read_text(encoding="utf-8")
    section = re.split(r"\n#+ ", page.split(f"\n{heading}\n")[1])[0]
    table = section.split("| setting | default |")[1].split("\n\n")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, flags=re.MULTILINE))
    known = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name != "dust"}
    assert set(documented) == set(known)
    for name, text in documented.items():
        value = list(known[name]) if isinstance(known[name], tuple) else known[name]
        assert value is None if text == "none" else tomllib.loads(f"x = {text}")["x"] == value
