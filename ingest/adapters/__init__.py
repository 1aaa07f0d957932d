"""Read what mail systems report, and decide which reports count. Pure."""
