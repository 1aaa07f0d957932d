"""Planted mistakes, which the simulation has to find."""
