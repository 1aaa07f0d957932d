"""Count events and measure times by the second."""
