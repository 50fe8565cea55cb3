"""NWB files as named Arrow tables: `session.open_session` is the way in, pynwb is imported with it."""
