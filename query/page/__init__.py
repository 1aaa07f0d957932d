"""The page for people: HTML cards, static files, and their routes."""
