"""The phases of a scan, one module each; the order is that of jobs.yaml."""
