"""Read the logs of mail systems: each module has one format. Pure."""
