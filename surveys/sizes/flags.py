"""What there is to know about a measured size, beside the number."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """Bits of the column ``flags``; 0 is a measurement without reservations.

    Attributes
    ----------
    NOT_DETECTED
        No segment near the middle of the stamp: there are no sizes.
    EDGE
        The segment touches the edge of the stamp.
    NEIGHBOUR
        Another source has a tenth or more of the source's light.
    OFF_CENTRE
        The centroid is farther from the middle than the tolerance; the source may be another.
    NOT_POSITIVE
        The total of the estimator is not positive, or half of it is nowhere reached: no size.
    UNRESOLVED
        The size is less than 1.1 times what a point has, or its correction allows for a point.
    NOT_CONVERGED
        The fit did not end at a best value inside its bounds.
    NOT_CORRECTED
        Outside of the table of corrections.
    FAINT
        No smoothed pixel of the segment is 4 times its noise: it may be noise.
    RESOLVED_OUT
        An array has no baselines that are short enough.
    """

    NOT_DETECTED = 1
    EDGE = 2
    NEIGHBOUR = 4
    OFF_CENTRE = 8
    NOT_POSITIVE = 16
    UNRESOLVED = 32
    NOT_CONVERGED = 64
    NOT_CORRECTED = 128
    FAINT = 256
    RESOLVED_OUT = 512
