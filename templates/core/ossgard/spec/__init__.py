"""What the spec decides: every module in here is rendered from it."""
