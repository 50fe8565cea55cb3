"""NWB files as named Arrow tables."""

from vbn_assets.nwb.session import Session, TableReading, open_session

__all__ = ["Session", "TableReading", "open_session"]
