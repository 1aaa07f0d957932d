"""Mail providers, as a node meets them: recorded shapes of reports, and how they sign."""
