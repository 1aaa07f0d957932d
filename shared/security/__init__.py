"""Certificates, certificate authorities and passwords."""
