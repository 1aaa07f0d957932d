"""List, show and replay dead letters."""
