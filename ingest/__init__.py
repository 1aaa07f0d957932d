"""HTTP in, record out: the tier that receives events."""
