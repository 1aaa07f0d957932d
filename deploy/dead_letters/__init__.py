"""List records that no worker could decode, and send them again."""
