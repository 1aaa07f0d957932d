"""Figures and the tables that show them."""
