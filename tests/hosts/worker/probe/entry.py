"""A Worker that tells what the runtime does with it: every event leaves a note in the table `notes`."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from workers import DurableObject, Response, WorkerEntrypoint

PIPELINE, DEAD_LETTERS = "probe-pipeline", "probe-dead-letters"


async def note(env: Any, text: str) -> None:
    await env.DB.prepare("INSERT INTO notes (text) VALUES (?)").bind(text).run()


def append_to(path: str) -> None:
    with open(path, "a"):
        pass


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Response:
        body = await request.json()
        result = await getattr(self, body["do"])(**body.get("with", {}))
        return Response.from_json(result)

    async def send(self, body: object, delay: int = 0) -> None:
        await self.env.PROBE_QUEUE.send(body, delaySeconds=delay)

    async def wait_until(self) -> None:
        self.ctx.waitUntil(note(self.env, "waited"))

    async def call_object(self, name: str, amount: object) -> Any:
        return await self.env.PROBE_OBJECT.getByName(name).add(amount)

    async def call_object_badly(self, name: str) -> str | None:
        try:
            await self.env.PROBE_OBJECT.getByName(name).hide()
        except Exception as error:
            return str(error)
        return None

    async def set_alarm(self, name: str, milliseconds: int) -> None:
        await self.env.PROBE_OBJECT.getByName(name).arm(milliseconds)

    async def fetch_object(self, name: str) -> object:
        response = await self.env.PROBE_OBJECT.getByName(name).fetch("http://object/", method="POST", body="hello")
        return {"status": response.status, "text": await response.text()}

    async def variables(self) -> object:
        return {"level": self.env.LOG_LEVEL, "missing": getattr(self.env, "NOT_THERE", None)}

    async def random(self) -> list[object]:
        import random
        import uuid

        return [random.random(), str(uuid.uuid4())]

    async def evaluate(self) -> str | None:
        import js

        try:
            js.eval("1 + 1")
        except Exception as error:
            return str(error)
        return None

    async def try_statements(self, statements: Sequence[str]) -> list[str | None]:
        errors: list[str | None] = []
        for sql in statements:
            try:
                await self.env.DB.prepare(sql).all()
                errors.append(None)
            except Exception as error:
                errors.append(str(error))
        return errors

    async def search_path(self) -> list[str]:
        import sys

        return sys.path

    async def write_file(self) -> str | None:
        try:
            append_to(__file__)
        except OSError as error:
            return type(error).__name__
        return None

    async def threads(self) -> str:
        from anyio import to_thread

        return await to_thread.run_sync(lambda: "ran")

    async def headers(self) -> object:
        from workers import Request

        return Request("http://x/", headers=[("a", "1, 2")]).headers["a"]

    async def vectorize(self, method: str, arguments: list[Any]) -> Any:
        try:
            return await getattr(self.env.PROBE_INDEX, method)(*arguments)
        except Exception as error:
            return {"error": str(error)}

    async def bindings(self) -> list[str]:
        from js import Object

        return list(Object.keys(self.env._env))

    async def use(
        self,
        statements: int = 0,
        batches: int = 0,
        messages: Sequence[object] = (),
        calls: int = 0,
        fetches: Sequence[str] = (),
        pause: float = 0,
    ) -> None:
        """Use the platform, piece by piece, in tasks of their own."""
        from workers import fetch

        async def query() -> None:
            await self.env.DB.prepare("SELECT ?").bind(1).first()

        async def batch() -> None:
            one = self.env.DB.prepare("SELECT ?")
            await self.env.DB.batch([one.bind(number) for number in range(3)])

        for work, times in ((query, statements), (batch, batches)):
            for _ in range(times):
                await asyncio.create_task(work())
                await asyncio.sleep(pause)
        for message in messages:
            await self.env.PROBE_QUEUE.send(message)
        for _ in range(calls):
            await self.call_object("counted", {"value": 1})
        for url in fetches:
            await (await fetch(url)).text()

    async def queue(self, batch: Any, env: object, ctx: object) -> None:
        for message in batch.messages:
            entry = {"queue": batch.queue, "attempts": message.attempts, "body": message.body, "env": env, "ctx": ctx}
            await note(self.env, json.dumps(entry))
            if batch.queue == PIPELINE and message.body["fail"]:
                message.retry(delaySeconds=message.body["delay"])
            else:
                message.ack()

    async def scheduled(self, controller: object, env: object, ctx: object) -> None:
        await note(self.env, json.dumps({"scheduled": [env, ctx]}))


class ProbeObject(DurableObject):
    async def add(self, amount: Any) -> object:
        total = (await self.ctx.storage.get("total") or 0) + amount["value"]
        await self.ctx.storage.put("total", total)
        return {"total": total, "none": None}

    async def arm(self, milliseconds: int) -> None:
        import time

        await self.ctx.storage.setAlarm(int(time.time() * 1000) + milliseconds)

    def hide(self) -> str:
        return "not a coroutine, so not for others"

    async def fetch(self, request: Any) -> Response:
        return Response(f"{request.method} {await request.text()}", status=501)

    async def alarm(self, info: object = None) -> None:
        if await self.ctx.storage.get("total") == 13:
            raise ValueError("bad luck")
        await note(self.env, f"alarm of {self.ctx.id.name}, next {await self.ctx.storage.getAlarm()}")
