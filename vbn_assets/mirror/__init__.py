"""Verified copies of release files on disk, in AllenSDK's own layout.

`Mirror` is the way in: where a file is, whether it is there, fetching it, reading all of them again. Below it:
`ledger` remembers what was `verified`; `download` brings one file, `partial` until all of it is right, from the
`objects` of a bucket over its `connections`; `disk` does what must be atomic. `adoption` takes in files that came
some other way; `static` reads a mounted bucket as if it were a mirror.
"""

from vbn_assets.mirror.adoption import Adopted, Adoption
from vbn_assets.mirror.download import Limits
from vbn_assets.mirror.mirror import Mirror
from vbn_assets.mirror.outcomes import Checked, Fetched, How, Plan, Planned
from vbn_assets.mirror.progress import Progress
from vbn_assets.mirror.static import StaticMirror

__all__ = [
    "Adopted",
    "Adoption",
    "Checked",
    "Fetched",
    "How",
    "Limits",
    "Mirror",
    "Plan",
    "Planned",
    "Progress",
    "StaticMirror",
]
