"""A run as a picture: when tokens were renewed, calls were throttled and repeated, and how fast rows came."""

from __future__ import annotations

from .recording import Sample, Stage, Timeline
from .scene import Scene, compose

__all__ = ["Sample", "Scene", "Stage", "Timeline", "compose"]
