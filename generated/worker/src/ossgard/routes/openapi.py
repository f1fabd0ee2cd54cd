"""The description of the HTTP interface."""

from ossgard.http import PublicContext
from ossgard.model import JsonObject
from ossgard.spec.openapi import OPENAPI


async def get_open_api(context: PublicContext) -> JsonObject:
    """The OpenAPI document."""
    return OPENAPI
