"""Phases that work through a provider's batches."""
