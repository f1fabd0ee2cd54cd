"""The pipeline: a scan's phases, worked off slice by slice by one runner that both hosts share."""
