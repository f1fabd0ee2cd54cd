"""Stand-in for the package of Cloudflare's Python runtime that the SDK's package patches are written against."""
