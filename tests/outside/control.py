"""Lets programs in other languages steer the world: `/control/...`, JSON in and out."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.outside.batches import Steering
from tests.outside.diffs import ChangedFile
from tests.outside.faults import Fault
from tests.outside.llm import Behaviour

if TYPE_CHECKING:
    from tests.outside.world import World

Action = Callable[[Any, Request], Any]


def routes(world: "World") -> list[BaseRoute]:
    """The routes of the control interface."""
    control = _Control(world)
    table: tuple[tuple[str, str, Action], ...] = (
        ("GET", "/control", control.describe),
        ("GET", "/control/config", control.config),
        ("POST", "/control/faults", control.add_fault),
        ("DELETE", "/control/faults", lambda body, request: world.watch.clear()),
        ("GET", "/control/counters", lambda body, request: world.watch.counts()),
        ("DELETE", "/control/counters", lambda body, request: world.watch.reset()),
        ("GET", "/control/requests", control.requests),
        ("POST", "/control/llm", control.set_behaviour),
        ("GET", "/control/batches", lambda body, request: [one.describe() for one in world.batches.submitted]),
        ("POST", "/control/batches", control.steer_batches),
        ("POST", "/control/batches/fail", lambda body, request: world.batches.fail(**body)),
        ("POST", "/control/batches/cancel", lambda body, request: world.batches.cancel(body.get("id"))),
        ("GET", "/control/groups", lambda body, request: world.repository.planted_groups),
        ("POST", "/control/score", control.score),
        ("POST", "/control/tokens", lambda body, request: {"token": world.github.add_token()}),
        ("POST", "/control/tokens/revoke", control.revoke),
        ("POST", "/control/tokens/limit", control.limit),
        ("GET", "/control/pulls", control.pulls),
        ("POST", "/control/pulls", control.open),
        ("POST", "/control/pulls/{number:int}/{change}", control.change),
        ("DELETE", "/control/repository", control.delete_repository),
    )
    return [Route(path, _endpoint(action), methods=[method]) for method, path, action in table]


def _endpoint(action: Action) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        content = await request.body()
        try:
            result = action(json.loads(content) if content else {}, request)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            return JSONResponse({"error": f"{type(problem).__name__}: {problem}"}, 400)
        return JSONResponse({"ok": True} if result is None else result)

    return serve


class _Control:
    def __init__(self, world: "World") -> None:
        self._world = world

    def describe(self, body: Any, request: Request) -> Any:
        """Where everything is."""
        return self._world.describe()

    def config(self, body: Any, request: Request) -> Any:
        """An account's configuration: `?llm=anthropic&embedding=openai&gateway=1&qdrant=1&batch=1`."""
        query = request.query_params
        return self._world.config(
            llm=query.get("llm", "openai"),
            embedding=query.get("embedding", "openai"),
            gateway=bool(query.get("gateway")),
            qdrant=bool(query.get("qdrant")),
            batch=bool(query.get("batch")),
        )

    def add_fault(self, body: Any, request: Request) -> None:
        """A `Fault`, by the names of its fields."""
        known = {field.name for field in fields(Fault)} - {"hits"}
        if unknown := set(body) - known:
            raise ValueError(f"unknown fields {sorted(unknown)}, known are {sorted(known)}")
        self._world.watch.add(Fault(**body))

    def requests(self, body: Any, request: Request) -> Any:
        """What was asked, `?endpoint=github.*`, without bodies."""
        pattern = request.query_params.get("endpoint", "*")
        return [
            {"at": one.at, "endpoint": one.endpoint, "method": one.method, "path": one.path, "query": one.query}
            for one in self._world.requests(pattern)
        ]

    def set_behaviour(self, body: Any, request: Request) -> Any:
        """The LLM's `Behaviour`, by the names of its fields; absent ones go back to what is usual."""
        words = {name: frozenset(body.get(name, ())) for name in ("refuses", "refuses_to_embed")}
        numbers = set(body.get("unusable_for", ()))
        self._world.llm.behaviour = Behaviour(**{**body, **words, "unusable_for": numbers})

    def steer_batches(self, body: Any, request: Request) -> None:
        """How batches go, by the names of `Steering`; absent ones go back to what is usual."""
        chosen = Steering(**body)
        self._world.batches.heal()
        for name, value in vars(chosen).items():
            setattr(self._world.batches, name, value)

    def score(self, body: Any, request: Request) -> Any:
        """How well `groups` (of numbers) fit the planted ones."""
        score = self._world.repository.score(body["groups"])
        return {**asdict(score), "precision": score.precision, "recall": score.recall}

    def revoke(self, body: Any, request: Request) -> None:
        """Revoke a `token`, or the usual one."""
        self._world.github.revoke(body.get("token", self._world.token))

    def limit(self, body: Any, request: Request) -> None:
        """Leave a token `remaining` requests until `reset_seconds` have passed."""
        token = body.get("token", self._world.token)
        self._world.github.leave_requests(token, body["remaining"], body.get("reset_seconds", 3_600))

    def pulls(self, body: Any, request: Request) -> Any:
        """All pull requests, shortly."""
        pulls = self._world.repository.listed("all", direction="asc")
        return [{"number": pull.number, "state": pull.state, "title": pull.title} for pull in pulls]

    def open(self, body: Any, request: Request) -> Any:
        """Open one: `title`, `body`, `files` (paths), or `duplicate_of`."""
        repository = self._world.repository
        if "duplicate_of" in body:
            return {"number": repository.open_duplicate(body["duplicate_of"]).number}
        files = [ChangedFile(path, body["title"]) for path in body.get("files", ())]
        return {"number": repository.open(body["title"], body.get("body"), files).number}

    def change(self, body: Any, request: Request) -> None:
        """touch, push, close, merge, reopen, remove, force_push_same, or update with `title` and `body`."""
        number, change = request.path_params["number"], request.path_params["change"]
        if change not in ("touch", "push", "close", "merge", "reopen", "remove", "force_push_same", "update"):
            raise ValueError(f"no such change: {change}")
        getattr(self._world.repository, change)(number, **(body if change == "update" else {}))

    def delete_repository(self, body: Any, request: Request) -> None:
        """GitHub answers 404 for it from now on."""
        self._world.github.delete_repository(self._world.repository.owner, self._world.repository.name)
