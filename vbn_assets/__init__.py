"""The Allen Institute's Visual Behavior releases as a DuckDB warehouse that keeps itself up to date.

The folders follow the data: `releases` (what Allen publishes) → `mirror` (verified files on disk) →
`metadata` and `nwb` (files as Arrow tables) → `warehouse` (the lake and `warehouse.duckdb`). `tables`
describes every table once; `pipeline` is the way from end to end; Dagster (`definitions`) and the `vbn`
command (`cli`) both call it.
"""

from vbn_assets.memory import share_one_heap

__version__ = "0.1.0"

share_one_heap()  # before Arrow is imported: that starts a thread
