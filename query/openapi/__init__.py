"""Describe the routes of a query node (OpenAPI 3.1): each part its paths and schemas."""
