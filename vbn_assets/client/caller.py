"""Warnings that point at the line of the notebook which met them, not at ours."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_HERE = str(Path(__file__).parent)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn whoever called into this room."""
    depth, frame = 1, sys._getframe(0)
    while frame.f_back and frame.f_code.co_filename.startswith(_HERE):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, category, stacklevel=depth)
