"""Small files, made many at a time where a run each would cost more than the work."""
