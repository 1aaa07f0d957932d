"""The product's processes, as tests start and stop them."""
