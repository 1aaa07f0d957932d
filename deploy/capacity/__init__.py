"""The capacity calculator: the machines that a load needs, computed from the bench's figures."""
