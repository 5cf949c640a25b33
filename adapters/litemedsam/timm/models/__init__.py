"""Layers and the registry."""
