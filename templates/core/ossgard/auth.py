"""Who is calling: API keys are minted once, shown once, and kept only as their SHA-256."""

import hashlib

from ossgard.errors import HttpError
from ossgard.ports import Entropy
from ossgard.spec.database import Database
from ossgard.spec.entities import Account
from ossgard.spec.error_codes import ErrorCode

API_KEY_PREFIX = "ossgard_"
API_KEY_BYTES = 32


def mint_api_key(entropy: Entropy) -> str:
    """A new API key."""
    return API_KEY_PREFIX + entropy.token(API_KEY_BYTES)


def hash_api_key(api_key: str) -> str:
    """The form in which an API key is stored and looked up: keys are random, so a plain SHA-256 (hex) is enough."""
    return hashlib.sha256(api_key.encode()).hexdigest()


async def authenticate(db: Database, authorization: str | None) -> Account:
    """The account that an `Authorization` header names.

    Raises:
        HttpError: 401, when the header is absent, malformed, or holds an unknown key.
    """
    scheme, _, api_key = (authorization or "").strip().partition(" ")
    api_key = api_key.strip()
    if scheme.lower() != "bearer" or not api_key:
        raise unauthorized("An API key is needed, as a bearer token")
    account = await db.get_account_by_api_key(hash_api_key(api_key))
    if account is None:
        raise unauthorized("The API key is not known")
    return account


def unauthorized(message: str) -> HttpError:
    """The answer to a caller without an account."""
    return HttpError(ErrorCode.UNAUTHORIZED, message, headers={"WWW-Authenticate": 'Bearer realm="ossgard"'})
