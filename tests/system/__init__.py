"""The system as its users see it: real processes, real servers, HTTP only."""
