"""API keys: scopes, quotas, and the check of every request."""
