"""Where something on the rig stood: the values of `eye_tracking_rig_geometry`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A position in mm or a rotation in degrees; equal to another one, or to a list of three, as AllenSDK's are."""

    x: float
    y: float
    z: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.x, self.y, self.z))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Coordinates | list) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.x, self.y, self.z))

    def __str__(self) -> str:
        return f"[{self.x}, {self.y}, {self.z}]"
