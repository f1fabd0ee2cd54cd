"""An account's configuration: what a host cannot serve of it, how its secrets are shown, and what a change means."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ossgard import embedding_sizes
from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.services import HostProfile
from ossgard.spec.models import Config
from ossgard.validation import problems

_MASK = "****"
_SHOWN = 4
# A shorter secret would be shown for the most part.
_SHORT = 2 * _SHOWN
_MASKED = re.compile(r"\*{4}.{0,4}", re.DOTALL)


def stored_form(config: Config) -> JsonObject:
    """The configuration as it is stored and compared: by wire names, absent fields left out."""
    return without_empty_store(config).model_dump(mode="json", by_alias=True, exclude_none=True)


def without_empty_store(config: Config) -> Config:
    """The configuration with no vector store in place of one that has no URL."""
    if config.vector_store is None or config.vector_store.url is not None:
        return config
    return config.model_copy(update={"vector_store": None})


def parse_stored(stored: JsonObject, host: HostProfile) -> Config:
    """A stored configuration, as a host sees it; one that an older version let pass may not be valid.

    Raises:
        PermanentError: it is not valid, and why.
    """
    try:
        return without_empty_store(Config.model_validate(stored, context=host, by_alias=True, by_name=False))
    except ValidationError as error:
        raise PermanentError(
            f"The account's stored configuration is not valid: {'; '.join(problems(error))}. "
            "Save the account's configuration anew, with that corrected"
        ) from None


def ignored(config: Config, host: HostProfile) -> list[str]:
    """What a host does not look at in a configuration, and why."""
    warnings = [
        f"{field}.batch is ignored: Ollama has no batch interface"
        for field, service in (("llm", config.llm), ("embedding", config.embedding))
        if service.provider == "ollama" and service.batch
    ]
    store = config.vector_store
    if store is not None and not host.vector_store:
        warnings.append("vector_store is ignored: this host keeps vectors in its own index")
    elif store is not None and store.url is None and store.api_key:
        warnings.append("vector_store is ignored, since vector_store.url is empty: this host keeps vectors in its file")
    return warnings


def unserved(config: Config, host: HostProfile) -> list[str]:
    """What a host cannot serve of a configuration, and what to use in its place."""
    found = []
    if not host.ollama:
        if config.llm.provider == "ollama":
            found.append("llm.provider 'ollama' is not available here: use 'anthropic' or 'openai'")
        if config.embedding.provider == "ollama":
            found.append("embedding.provider 'ollama' is not available here: use 'openai' with text-embedding-3-small")
    model, dimensions = config.embedding.model, host.vector_dimensions
    if dimensions and not embedding_sizes.fits(model, dimensions):
        own = embedding_sizes.own_size(model)
        found.append(
            f"embedding.model '{model}' has {own} dimensions, but the vector index here has {dimensions}: "
            "use text-embedding-3-small"
        )
    secrets = {"llm.api_key": config.llm.api_key, "embedding.api_key": config.embedding.api_key}
    if config.vector_store is not None and host.vector_store:
        secrets["vector_store.api_key"] = config.vector_store.api_key
    for field, secret in secrets.items():
        if not (secret.isascii() and secret.isprintable()):
            found.append(f"{field} has characters that no key has: copy it once more")
    return found


def changes_vectors(old: JsonObject, new: JsonObject) -> bool:
    """Whether vectors stored under one configuration are of no use under the other."""
    return _vector_source(old) != _vector_source(new)


def masked(config: JsonObject) -> JsonObject:
    """The configuration as it is shown: secrets as `****` and their last four characters, unknown fields not at all."""
    return _show(Config, config)


def restore_secrets(config: JsonObject, stored: JsonObject) -> JsonObject:
    """The configuration with every secret that was sent back as it is shown replaced by the stored one."""
    return _restore(Config, config, stored)


def masked_secrets(config: JsonObject, host: HostProfile) -> list[str]:
    """The paths of secrets that look like shown ones: stored, they would be lost to a host that uses them."""
    unused = () if host.vector_store else ("vector_store.api_key",)
    return [path for path, secret in _secrets(Config, config, "") if _MASKED.fullmatch(secret) and path not in unused]


def mask(secret: str) -> str:
    """How a secret is shown."""
    if not secret:
        return ""
    return _MASK if len(secret) < _SHORT else _MASK + secret[-_SHOWN:]


def _vector_source(config: JsonObject) -> tuple[object, ...]:
    embedding, vector_store = _object(config, "embedding"), _object(config, "vector_store")
    # The same server, however its address is written; an empty one is none.
    url = str(vector_store.get("url") or "").strip().rstrip("/")
    return embedding.get("provider"), embedding.get("model"), url


def _object(config: JsonObject, key: str) -> JsonObject:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def fields(model: type[BaseModel]) -> Iterator[tuple[str, bool, type[BaseModel] | None]]:
    """Each field's wire name, whether it is secret, and its model if it is an object."""
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        is_secret = isinstance(extra, dict) and extra.get("secret") is True
        yield field.alias or name, is_secret, _model_in(field.annotation)


def _model_in(kind: Any) -> type[BaseModel] | None:
    """The model that a type is, or may be besides null."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next(filter(None, map(_model_in, get_args(kind))), None)


def _show(model: type[BaseModel], values: JsonObject) -> JsonObject:
    shown: JsonObject = {}
    for name, secret, nested in fields(model):
        if name not in values:
            continue
        value = values[name]
        if nested is not None:
            shown[name] = _show(nested, value) if isinstance(value, dict) else None
        elif secret:
            shown[name] = mask(value) if isinstance(value, str) else None
        else:
            shown[name] = value
    return shown


def _restore(model: type[BaseModel], values: JsonObject, stored: JsonObject) -> JsonObject:
    restored = dict(values)
    for name, secret, nested in fields(model):
        value, old = values.get(name), stored.get(name)
        if nested is not None and isinstance(value, dict) and isinstance(old, dict):
            restored[name] = _restore(nested, value, old)
        elif secret and isinstance(old, str) and value == mask(old):
            restored[name] = old
    return restored


def _secrets(model: type[BaseModel], values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, secret, nested in fields(model):
        value = values.get(name)
        if nested is not None and isinstance(value, dict):
            yield from _secrets(nested, value, f"{prefix}{name}.")
        elif secret and isinstance(value, str):
            yield prefix + name, value
