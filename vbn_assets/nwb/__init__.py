"""NWB files as named Arrow tables: `session.open_session` is the way in."""
