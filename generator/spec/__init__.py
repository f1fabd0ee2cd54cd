"""Reads the spec: its four YAML files and the migrations, as typed objects that know where they stand."""
