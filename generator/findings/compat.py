"""Findings about a deployment: what would break while the old version still runs, or for whoever uses it."""
