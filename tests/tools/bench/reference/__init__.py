"""What a figure is compared with: programs that do as little as possible."""
