"""How large the vectors of known embedding models are, and which of them can be asked for smaller ones."""

from collections.abc import Mapping

_OWN: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "nomic-embed-text": 768,
    "mxbai-embed-large": 1024,
    "all-minilm": 384,
    "bge-m3": 1024,
}
# OpenAI's older models have one size of vectors only.
_SHORTENS = "text-embedding-3-"


def plain_name(model: str) -> str:
    """A model's name without its maker and its version: `nomic-ai/nomic-embed-text:v1.5`."""
    return model.rpartition("/")[2].partition(":")[0].lower()


def own_size(model: str) -> int | None:
    """The size of a model's vectors when it is asked for none; None when only an answer tells."""
    return _OWN.get(plain_name(model))


def can_shorten(model: str) -> bool:
    """Whether a model can be asked for smaller vectors."""
    return plain_name(model).startswith(_SHORTENS)


def fits(model: str, size: int) -> bool:
    """Whether a model can give vectors of a size; one that is not known is given the chance."""
    own = own_size(model)
    return own is None or own == size or (own > size and can_shorten(model))
