"""Tries the spec out: tables, rows and statements in a real SQLite."""
