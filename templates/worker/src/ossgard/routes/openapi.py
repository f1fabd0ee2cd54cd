"""The description of the HTTP interface."""

from ossgard.http import PublicContext
from ossgard.model import JsonObject
from ossgard.openapi_document import OPENAPI


async def get_open_api(context: PublicContext) -> JsonObject:
    """The OpenAPI document."""
    return OPENAPI
