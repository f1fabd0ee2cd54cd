"""The HTTP interface: one endpoint for each route of the spec."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ossgard.http import (
    account_context,
    integer_parameter,
    json_reply,
    public_context,
    read_body,
    read_lenient_body,
    text_parameter,
)
from ossgard.routes import accounts, clearing, dupes, health, openapi, repos, review, scans
from ossgard.spec import models


async def get_health(request: Request) -> Response:
    """GET /health

    Whether the service answers.
    """
    context = await public_context(request)
    return json_reply(200, await health.get_health(context))


async def get_open_api(request: Request) -> Response:
    """GET /openapi.json

    This document.
    """
    context = await public_context(request)
    return json_reply(200, await openapi.get_open_api(context))


async def create_account(request: Request) -> Response:
    """POST /accounts

    Register an account. GitHub must accept the token; services that do not answer a test are warned about.
    """
    context = await public_context(request)
    body = await read_body(request, models.CreateAccount)
    return json_reply(201, await accounts.create_account(context, body))


async def get_me(request: Request) -> Response:
    """GET /accounts/me

    The caller's account.
    """
    context = await account_context(request)
    return json_reply(200, await accounts.get_me(context))


async def update_me(request: Request) -> Response:
    """PUT /accounts/me

    Replace the caller's configuration.
    """
    context = await account_context(request)
    body = await read_body(request, models.UpdateAccount)
    return json_reply(200, await accounts.update_me(context, body))


async def list_repos(request: Request) -> Response:
    """GET /repos

    The repositories that the caller tracks.
    """
    context = await account_context(request)
    return json_reply(200, await repos.list_repos(context))


async def create_repo(request: Request) -> Response:
    """POST /repos

    Track a repository.
    """
    context = await account_context(request)
    body = await read_body(request, models.CreateRepo)
    return json_reply(201, await repos.create_repo(context, body))


async def delete_repo(request: Request) -> Response:
    """DELETE /repos/{owner}/{name}

    Stop tracking a repository, and delete what is stored of it.
    """
    context = await account_context(request)
    owner = text_parameter(request, "owner")
    name = text_parameter(request, "name")
    await repos.delete_repo(context, owner, name)
    return json_reply(204, None)


async def start_scan(request: Request) -> Response:
    """POST /repos/{owner}/{name}/scan

    Start a scan, tracking the repository if it is new; an active scan is answered with its id.
    """
    context = await account_context(request)
    owner = text_parameter(request, "owner")
    name = text_parameter(request, "name")
    body = await read_lenient_body(request, models.ScanOptions)
    reply = await scans.start_scan(context, owner, name, body)
    return json_reply(reply.status, reply.body)


async def get_scan(request: Request) -> Response:
    """GET /scans/{scanId}

    A scan and its progress.
    """
    context = await account_context(request)
    scan_id = integer_parameter(request, "scanId")
    return json_reply(200, await scans.get_scan(context, scan_id))


async def get_dupes(request: Request) -> Response:
    """GET /repos/{owner}/{name}/dupes

    The duplicate groups of the latest completed scan, best pull request first.
    """
    context = await account_context(request)
    owner = text_parameter(request, "owner")
    name = text_parameter(request, "name")
    return json_reply(200, await dupes.get_dupes(context, owner, name))


async def get_review(request: Request) -> Response:
    """GET /repos/{owner}/{name}/review/{prNumber}

    A pull request with the groups it is in and those most like it; one that is not stored is read and embedded.
    """
    context = await account_context(request)
    owner = text_parameter(request, "owner")
    name = text_parameter(request, "name")
    pr_number = integer_parameter(request, "prNumber")
    return json_reply(200, await review.get_review(context, owner, name, pr_number))


async def clear_scans(request: Request) -> Response:
    """POST /clear-scans

    Delete the caller's scans.
    """
    context = await account_context(request)
    return json_reply(200, await clearing.clear_scans(context))


async def clear_repos(request: Request) -> Response:
    """POST /clear-repos

    Delete the caller's repositories, with their scans.
    """
    context = await account_context(request)
    return json_reply(200, await clearing.clear_repos(context))


async def reset_all(request: Request) -> Response:
    """POST /reset

    Delete the caller's account with all that belongs to it.
    """
    context = await account_context(request)
    return json_reply(200, await clearing.reset_all(context))


ROUTES = [
    Route("/health", get_health, methods=["GET"]),
    Route("/openapi.json", get_open_api, methods=["GET"]),
    Route("/accounts", create_account, methods=["POST"]),
    Route("/accounts/me", get_me, methods=["GET"]),
    Route("/accounts/me", update_me, methods=["PUT"]),
    Route("/repos", list_repos, methods=["GET"]),
    Route("/repos", create_repo, methods=["POST"]),
    Route("/repos/{owner}/{name}", delete_repo, methods=["DELETE"]),
    Route("/repos/{owner}/{name}/scan", start_scan, methods=["POST"]),
    Route("/scans/{scanId}", get_scan, methods=["GET"]),
    Route("/repos/{owner}/{name}/dupes", get_dupes, methods=["GET"]),
    Route("/repos/{owner}/{name}/review/{prNumber}", get_review, methods=["GET"]),
    Route("/clear-scans", clear_scans, methods=["POST"]),
    Route("/clear-repos", clear_repos, methods=["POST"]),
    Route("/reset", reset_all, methods=["POST"]),
]
