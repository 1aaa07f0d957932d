"""The commands of ``catchall``, one per file; each returns its exit status."""
