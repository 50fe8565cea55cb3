"""AllenSDK's warnings and exceptions under AllenSDK's names, and what our own say besides.

Whoever catches AllenSDK's exception type catches ours. Nothing is raised here.
"""

from __future__ import annotations

from vbn_assets.errors import VbnError


class UnknownProbe(VbnError, ValueError):
    """A session has no probe of that id, or a probe no such channel."""


class MissingExtra(VbnError, ImportError):
    """Something was asked for that needs a package which is installed on demand."""
