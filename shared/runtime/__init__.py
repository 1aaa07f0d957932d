"""How a process starts, is configured again, and ends."""
