"""What two or more of the tiers need: the rules, and the adapters of the clients."""
