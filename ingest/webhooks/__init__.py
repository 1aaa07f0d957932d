"""The webhooks of mail providers."""
