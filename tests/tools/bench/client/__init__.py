"""Load generators that a row runs in processes of their own."""
