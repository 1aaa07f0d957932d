"""Requests and observations while faults happen."""
