"""What is recorded of requests: metrics, spans, the log of refusals, request ids."""
