"""Registering an account and changing what it uses."""

from ossgard.account_check import check_services
from ossgard.auth import hash_api_key, mint_api_key
from ossgard.config import changes_vectors, ignored, masked, masked_secrets, restore_secrets, stored_form, unserved
from ossgard.errors import HttpError
from ossgard.http import AccountContext, PublicContext
from ossgard.model import JsonObject
from ossgard.services import Services
from ossgard.spec import writes
from ossgard.spec.entities import UpdateAccountConfigChanges
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import AccountView, Config, CreateAccount, CreatedAccount, UpdateAccount, UpdatedAccount
from ossgard.validation import INVALID, parse_values


async def create_account(context: PublicContext, body: CreateAccount) -> CreatedAccount:
    """Register an account; the API key is in this answer and nowhere else."""
    services = context.services
    config = stored_form(body.config)
    warnings = ignored(body.config, services.host) + await _check(services, config, is_new=True)
    api_key = mint_api_key(services.entropy)
    await services.db.create_account(hash_api_key(api_key), body.label, config)
    return CreatedAccount(api_key=api_key, warnings=warnings)


async def get_me(context: AccountContext) -> AccountView:
    """The caller's account without its secrets."""
    account = context.account
    return AccountView(
        id=account.id,
        label=account.label,
        config=masked(account.config),
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


async def update_me(context: AccountContext, body: UpdateAccount) -> UpdatedAccount:
    """Replace the caller's configuration, and the label where the body holds one."""
    stored = context.account.config
    config = restore_secrets(stored_form(body.config), stored)
    host = context.services.host
    warnings = ignored(body.config, host) + await _check(context.services, config, is_new=False)
    changes: UpdateAccountConfigChanges = {}
    if "label" in body.model_fields_set:
        changes["label"] = body.label
    changed = [writes.update_account_config(context.account.id, config, changes)]
    if changes_vectors(stored, config):
        changed.append(writes.clear_embed_hashes(context.account.id))
    await context.services.db.commit(changed)
    return UpdatedAccount(updated=True, warnings=warnings)


async def _check(services: Services, config: JsonObject, is_new: bool) -> list[str]:
    """Warnings about the configuration of an account that is new, or not.

    Raises:
        HttpError: 400, when it cannot work; 503, when it cannot be told whether it may be registered.
    """
    problems = [f"{path} is a masked secret: send the secret itself" for path in masked_secrets(config, services.host)]
    parsed = parse_values(Config, config)
    problems += unserved(parsed, services.host)
    if problems:
        raise HttpError(ErrorCode.CONFIG_REFUSED, INVALID, {"config": problems})
    return await check_services(services, parsed, is_new)
