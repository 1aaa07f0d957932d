"""The parts that the API documents of both tiers are made of."""
