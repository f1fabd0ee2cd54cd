"""The description of the HTTP interface."""

from ossgard.http import PublicContext
from ossgard.spec.openapi import OPENAPI


async def get_open_api(context: PublicContext) -> bytes:
    """The OpenAPI document."""
    return OPENAPI
