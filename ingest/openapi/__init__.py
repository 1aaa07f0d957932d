"""The API description of the ingest tier."""
