"""Recordings that are opened again and again, with other pulses in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.block import StreamHeader
from pipeline.imaging.imager import ImagedReader
from pipeline.injection.pulses import Gain, Injection
from pipeline.injection.reader import InjectedReader
from pipeline.injection.settings import InjectionSettings
from pipeline.injection.visibilities import InjectedVisReader
from pipeline.readers import open_recording
from pipeline.search import SearchSettings
from pipeline.stages import Tell
from pipeline.visibilities.block import VisReader


@dataclass(frozen=True)
class Recording:
    """Files, and how they are looked at.

    Attributes
    ----------
    paths : sequence of Path
    search : SearchSettings
    level : str
        See :class:`pipeline.injection.settings.InjectionSettings`.
    progress : callable, optional
        See :func:`pipeline.readers.open_recording`.
    """

    paths: Sequence[Path]
    search: SearchSettings
    level: str = InjectionSettings.level
    progress: Tell | None = None

    def opened(
        self, injections: Sequence[Injection] = (), header: StreamHeader | None = None
    ) -> InjectedReader:
        """The recording with pulses in it.

        Parameters
        ----------
        injections : sequence of Injection
        header : StreamHeader, optional
            Of the images, if there are injections.
        """

        def put_in(vis: VisReader) -> VisReader:
            return InjectedVisReader(vis, injections, header) if header else vis

        in_images = self.level == "images"
        reader = open_recording(
            self.paths,
            self.search.imaging,
            self.search.max_sources,
            progress=self.progress,
            put_in=None if in_images else put_in,
        )
        return InjectedReader(reader, injections if in_images else ())

    def beam(self, reader: InjectedReader) -> Gain:
        """Gain that pulses are seen with, and are not divided by before they are put in."""
        if self.level == "visibilities" and isinstance(reader.source, ImagedReader):
            return reader.source.beam
        return reader.gain
