"""The search engine: pure functions on arrays, state in, state out."""

from __future__ import annotations

from .config import SearchConfig
from .detections import Detections
from .plan import SearchPlan, make_plan
from .search import compile_step, finish, step
from .state import SearchState, init, restart

__all__ = [
    "Detections",
    "SearchConfig",
    "SearchPlan",
    "SearchState",
    "compile_step",
    "finish",
    "init",
    "make_plan",
    "restart",
    "step",
]
