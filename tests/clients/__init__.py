"""Clients of the tiers: HTTP as customers send it, HTTP byte by byte, and a browser."""
