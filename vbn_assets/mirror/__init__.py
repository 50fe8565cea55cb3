"""Verified copies of release files on disk, in AllenSDK's own layout."""
