"""The references of the figures: programs that do as little as possible."""
