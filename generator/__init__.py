"""ossgard-gen: turns the spec of ossgard into the code of its two hosts."""
