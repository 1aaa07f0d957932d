"""How a process starts, reports and ends."""
