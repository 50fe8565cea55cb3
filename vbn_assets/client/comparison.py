"""What differs between two manifests, in AllenSDK's words: file names, not what the files are about.

For the other question, which sessions a release changed, there is `vbn_assets.releases.diff`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vbn_assets.releases.manifest import Release, ReleaseFile


def comparison(before: Release, after: Release) -> str:
    """AllenSDK's text of what changed from one release to another: a line for each file that is not the same.

    Metadata first, then data files, each in order of name. A file that has the bytes of one that is gone is that one
    renamed. AllenSDK forgets all but one of several files with the same bytes: here each has its line.
    """
    metadata = _changes(_hashes(before.metadata.values()), _hashes(after.metadata.values()))
    data = _changes(_hashes(before.data.values()), _hashes(after.data.values()))
    if not (metadata or data):
        return "The two manifests are equivalent"
    lines = [text for changes in (metadata, data) for _, text in sorted(changes.items())]
    head = f"Changes going from\n{before.manifest_name}\nto\n{after.manifest_name}\n\n"
    return head + "".join(f"{line}\n" for line in lines)


def _hashes(files: Iterable[ReleaseFile]) -> dict[str, str]:
    """Hashes by file name, which is the key below the project."""
    return {file.key.partition("/")[2]: file.file_hash for file in files}


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What to say of each file that is not the same, by its name; of a renamed one, by its old name."""
    changes = {name: f"{name} changed" for name in before.keys() & after.keys() if before[name] != after[name]}
    created = {name for name in after if name not in before}
    for name in sorted(before.keys() - after.keys()):
        successor = min((new for new in created if after[new] == before[name]), default=None)
        if successor is None:
            changes[name] = f"{name} deleted"
        else:
            created.remove(successor)
            changes[name] = f"{name} renamed {successor}"
    return changes | {name: f"{name} created" for name in created}
