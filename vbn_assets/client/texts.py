"""What AllenSDK 2.16.2 says in its warnings about manifests, to the letter. When it is said is for `manifests`.

`ui` is the class a user works with; manifests go by their names.
"""

from __future__ import annotations

from pathlib import Path


def newer_exists(ui: str, name: str, latest: str) -> str:
    """A folder is opened at the release that was used last, and there is a newer one."""
    return (
        f"You are loading {name}. A more up to date version of the dataset -- {latest} -- exists online. To see the "
        "changes between the two versions of the dataset, run\n"
        f"{ui}.compare_manifests('{name}', '{latest}')\n"
        "To load another version of the dataset, run\n"
        f"{ui}.load_manifest('{latest}')"
    )


def not_the_latest(ui: str, name: str, latest: str) -> str:
    """Somebody loads another release than the newest."""
    return (
        "\n\nThe manifest file you are loading is not the most up to date manifest file available for this dataset. "
        f"The most up to data manifest file available for this dataset is \n\n{latest}\n\n"
        "To see the differences between these manifests,run\n\n"
        f"{ui}.compare_manifests('{name}', '{latest}')\n\n"
        "To see all of the manifest files currently downloaded onto your local system, run\n\n"
        "self.list_all_downloaded_manifests()\n\n"
        "If you just want to load the latest manifest, run\n\nself.load_latest_manifest()\n\n"
    )


def newer_than_before(ui: str, latest: str, before: str) -> str:
    """The newest release is loaded into a folder that has an older one."""
    return (
        f"You are loading\n{latest}\nwhich is newer than the most recent manifest file you have previously been "
        f"working with\n{before}\nIt is possible that some data files have changed between these two data releases, "
        "which will force you to re-download those data files (currently downloaded files will not be overwritten). "
        f"To continue using {before}, run\n{ui}.load_manifest('{before}')"
    )


def not_offered(name: str, latest: str) -> str:
    """The note of the release that was used last names none that there is."""
    return (
        f"The manifest version recorded as last used for this cache -- {name}-- is not a valid manifest for this "
        f"dataset. Loading latest version -- {latest} -- instead."
    )


def no_record(ui: str, record: Path) -> str:
    """A folder has files and no record of what they are."""
    return (
        "This cache directory appears to contain data files, but it has no record of what those files are. You might "
        f"want to consider running\n\n{ui}.construct_local_manifest()\n\nto avoid needlessly downloading duplicates "
        "of data files that did not change between data releases. NOTE: running this method will require hashing "
        "every data file you have currently downloaded and could be very time consuming.\n\n"
        f"To avoid this warning in the future, make sure that\n\n{record}\n\n"
        "is not deleted between instantiations of this cache"
    )
