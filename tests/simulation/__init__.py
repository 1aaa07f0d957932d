"""The worker's pure code in a simulated world: one virtual clock, one seed, every fault."""
