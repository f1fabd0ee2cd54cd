"""ossgard: finds duplicate pull requests in a GitHub repository and ranks the best of each group.

This package is the core. It knows no host: what it needs from one it names as a port (`ossgard.ports`).
"""
