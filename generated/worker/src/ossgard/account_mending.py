"""Puts stored configurations right that older versions let pass, so that their accounts go on scanning.

What is wrong is what the models say; so a rule stands in the spec alone.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from ossgard.config import changes_vectors, fields, mask, stored_form
from ossgard.model import JsonObject
from ossgard.spec import writes
from ossgard.spec.database import Database
from ossgard.spec.models import Config

_PAGE = 100
# The single-user server took every provider that it did not know for this one.
_PROVIDER = "ollama"
_BOUNDS = {"greater_than_equal": "ge", "less_than_equal": "le"}
_SHOWN = 100


async def mend_accounts(db: Database) -> list[str]:
    """Mend what is stored of every account; what was done, a line for each change."""
    lines: list[str] = []
    after_id = 0
    while accounts := await db.list_accounts(after_id, _PAGE):
        after_id = accounts[-1].id
        for account in accounts:
            config, changes = mended(account.config)
            if not changes:
                continue
            changed = [writes.update_account_config(account.id, config, {})]
            # Another name of the provider is the same provider.
            if changes_vectors({**account.config, "embedding": config.get("embedding")}, config):
                changed.append(writes.clear_embed_hashes(account.id))
            await db.commit(changed)
            lines += [f"The configuration of account {account.id} was mended: {change}." for change in changes]
    return lines


def mended(stored: JsonObject) -> tuple[JsonObject, list[str]]:
    """A configuration with all set right that can be, and what that was, in words.

    A number out of its bounds takes the nearest, an unknown provider is Ollama, and what else is wrong is left out
    where it may be. Fields that nobody knows stay.
    """
    config = copy.deepcopy(stored)
    while True:
        try:
            form = stored_form(Config.model_validate(config, by_alias=True, by_name=False))
        except ValidationError as error:
            # A list, since every error is to be looked at.
            if any([_mend(config, details) for details in error.errors(include_url=False)]):
                continue
            break
        if "vector_store" not in form:
            config.pop("vector_store", None)
        _overlay(Config, config, form)
        break
    return config, list(_changes(Config, stored, config, ""))


def _mend(config: JsonObject, details: ErrorDetails) -> bool:
    """Set one value right, if it can be."""
    *parents, name = [str(part) for part in details["loc"]]
    model: type[BaseModel] = Config
    values: Any = config
    for parent in parents:
        model = next(nested for wire, _, nested in fields(model) if wire == parent and nested is not None)
        values = values.get(parent)
    if not isinstance(values, dict):
        return False
    bound = _BOUNDS.get(details["type"])
    if bound is not None:
        values[name] = details.get("ctx", {})[bound]
    elif name == "provider":
        values[name] = _PROVIDER
    elif name in values and not _is_required(model, name):
        del values[name]
    else:
        return False
    return True


def _is_required(model: type[BaseModel], name: str) -> bool:
    return any(field.is_required() for key, field in model.model_fields.items() if (field.alias or key) == name)


def _overlay(model: type[BaseModel], config: JsonObject, form: JsonObject) -> None:
    """Write a configuration's values as the model reads them, where they are not those already."""
    for name, _, nested in fields(model):
        value, old = form.get(name), config.get(name)
        if nested is not None and isinstance(value, dict) and isinstance(old, dict):
            _overlay(nested, old, value)
        elif name in form and value != old:
            config[name] = value


def _changes(model: type[BaseModel], old: JsonObject, new: JsonObject, prefix: str) -> Iterator[str]:
    for name, is_secret, nested in fields(model):
        before, after = old.get(name), new.get(name)
        if nested is not None and isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(nested, before, after, f"{prefix}{name}.")
        elif before != after and not (before is None and after == ""):
            # A part that is left out may hold a secret.
            shown = f"{prefix}{name}" + ("" if nested else f" was {_show(old, name, is_secret)} and")
            yield f"{shown} is now {_show(new, name, is_secret)}" if name in new else f"{shown} is left out"


def _show(values: JsonObject, name: str, is_secret: bool) -> str:
    if name not in values:
        return "absent"
    value: JsonValue = values[name]
    if is_secret:
        return repr(mask(value)) if isinstance(value, str) else "no text"
    return repr(value[:_SHOWN]) if isinstance(value, str) else json.dumps(value)[:_SHOWN]
