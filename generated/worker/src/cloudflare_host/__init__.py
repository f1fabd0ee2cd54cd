"""The ports of the core over the bindings of a Cloudflare Worker."""
