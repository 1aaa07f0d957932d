"""Build the image and run deploy/compose.yaml in containers, on a machine without Docker."""
