"""The machine and the servers that the bench runs on."""
