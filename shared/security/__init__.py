"""Certificates and passwords: what we show to others, and whom we trust."""
