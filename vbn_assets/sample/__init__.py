"""A small release in the real format, a local S3 that publishes it, and a generator of larger ones."""
