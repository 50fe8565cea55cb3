"""AllenSDK's warnings and exceptions under AllenSDK's names, and what our own say besides.

Whoever catches AllenSDK's exception type catches ours. Nothing is raised here.
"""

from __future__ import annotations

from vbn_assets.errors import VbnError


class UnknownProbe(VbnError, ValueError):
    """A session has no probe of that id, or a probe no such channel."""


class UnmatchedCells(VbnError, ValueError):
    """None of an imaging plane's cells was matched to those of other sessions."""


class MissingExtra(VbnError, ImportError):
    """Something was asked for that needs a package which is installed on demand."""


class OutdatedManifestWarning(UserWarning):
    """The release that is loaded is not the newest, or not the one that was used before."""


class MissingLocalManifestWarning(UserWarning):
    """A cache folder has files, but no record of what they are."""


class UpdatedStimulusPresentationTableWarning(UserWarning):
    """Presentations of Visual Behavior Ophys have had other stimuli than the task's since release 1.1.0."""


class TemporaryLakeWarning(UserWarning):
    """Tables are made in a folder that is gone when the process ends, because there is no other to write to."""


class BehaviorCloudCacheVersionException(VbnError):
    """A release whose manifest is too old or too new for this version."""


class UnknownManifest(VbnError, ValueError):
    """No manifest of that name is offered."""


class UnknownId(VbnError, RuntimeError):
    """A table has no row of that id."""


class UnknownFile(VbnError, ValueError):
    """A release has no file about that id, or no table of that name."""


class StaticCacheError(VbnError, RuntimeError):
    """A folder that is only read has a single release."""


class MissingInStaticCache(VbnError, AttributeError):
    """A folder that is only read keeps no record of releases and files; AllenSDK's class for it lacks the method."""
