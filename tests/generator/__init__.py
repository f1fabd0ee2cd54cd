"""Tests of the generator: what it emits for small specs, what it refuses, and how it writes."""
