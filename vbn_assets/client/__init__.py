"""AllenSDK's project caches and session objects over the lake: a notebook runs by changing one import.

    from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache

    cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache("data/mirror")

What is imported from here is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vbn_assets.client.behavior_session import BehaviorSession
    from vbn_assets.client.ecephys_session import BehaviorEcephysSession
    from vbn_assets.client.exceptions import (
        BehaviorCloudCacheVersionException,
        MissingLocalManifestWarning,
        OutdatedManifestWarning,
        UpdatedStimulusPresentationTableWarning,
    )
    from vbn_assets.client.neuropixels import VisualBehaviorNeuropixelsProjectCache
    from vbn_assets.client.ophys import VisualBehaviorOphysProjectCache
    from vbn_assets.client.ophys_experiment import BehaviorOphysExperiment

__all__ = [
    "BehaviorCloudCacheVersionException",
    "BehaviorEcephysSession",
    "BehaviorOphysExperiment",
    "BehaviorSession",
    "MissingLocalManifestWarning",
    "OutdatedManifestWarning",
    "UpdatedStimulusPresentationTableWarning",
    "VisualBehaviorNeuropixelsProjectCache",
    "VisualBehaviorOphysProjectCache",
]

_MODULES = {
    "VisualBehaviorNeuropixelsProjectCache": "neuropixels",
    "VisualBehaviorOphysProjectCache": "ophys",
    "BehaviorEcephysSession": "ecephys_session",
    "BehaviorOphysExperiment": "ophys_experiment",
    "BehaviorSession": "behavior_session",
    "BehaviorCloudCacheVersionException": "exceptions",
    "MissingLocalManifestWarning": "exceptions",
    "OutdatedManifestWarning": "exceptions",
    "UpdatedStimulusPresentationTableWarning": "exceptions",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
