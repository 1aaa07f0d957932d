"""What a load takes, computed from the figures of the bench."""
