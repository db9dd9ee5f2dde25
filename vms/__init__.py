"""Wiring of the project (files here) and its foundations (sub-packages)."""
