"""FaultInjector on a real system under load, and a checker of its answers."""
