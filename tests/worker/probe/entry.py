"""A Worker that tells what the runtime does with it: every event leaves a note in the table `notes`."""

import json

from workers import DurableObject, Response, WorkerEntrypoint

PIPELINE, DEAD_LETTERS = "probe-pipeline", "probe-dead-letters"


async def note(env, text):
    await env.DB.prepare("INSERT INTO notes (text) VALUES (?)").bind(text).run()


def append_to(path):
    with open(path, "a"):
        pass


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        body = await request.json()
        result = await getattr(self, body["do"])(**body.get("with", {}))
        return Response.from_json(result)

    async def send(self, body, delay=0):
        await self.env.PROBE_QUEUE.send(body, delaySeconds=delay)

    async def wait_until(self):
        self.ctx.waitUntil(note(self.env, "waited"))

    async def call_object(self, name, amount):
        return await self.env.PROBE_OBJECT.getByName(name).add(amount)

    async def call_object_badly(self, name):
        try:
            await self.env.PROBE_OBJECT.getByName(name).hide()
        except Exception as error:
            return str(error)

    async def set_alarm(self, name, milliseconds):
        await self.env.PROBE_OBJECT.getByName(name).arm(milliseconds)

    async def fetch_object(self, name):
        response = await self.env.PROBE_OBJECT.getByName(name).fetch("http://object/", method="POST", body="hello")
        return {"status": response.status, "text": await response.text()}

    async def variables(self):
        return {"level": self.env.LOG_LEVEL, "missing": getattr(self.env, "NOT_THERE", None)}

    async def random(self):
        import random
        import uuid

        return [random.random(), str(uuid.uuid4())]

    async def evaluate(self):
        import js

        try:
            js.eval("1 + 1")
        except Exception as error:
            return str(error)

    async def search_path(self):
        import sys

        return sys.path

    async def write_file(self):
        try:
            append_to(__file__)
        except OSError as error:
            return type(error).__name__

    async def threads(self):
        from anyio import to_thread

        return await to_thread.run_sync(lambda: "ran")

    async def headers(self):
        from workers import Request

        return Request("http://x/", headers=[("a", "1, 2")]).headers["a"]

    async def queue(self, batch, env, ctx):
        for message in batch.messages:
            entry = {"queue": batch.queue, "attempts": message.attempts, "body": message.body, "env": env, "ctx": ctx}
            await note(self.env, json.dumps(entry))
            if batch.queue == PIPELINE and message.body["fail"]:
                message.retry(delaySeconds=message.body["delay"])
            else:
                message.ack()

    async def scheduled(self, controller, env, ctx):
        await note(self.env, json.dumps({"scheduled": [env, ctx]}))


class ProbeObject(DurableObject):
    async def add(self, amount):
        total = (await self.ctx.storage.get("total") or 0) + amount["value"]
        await self.ctx.storage.put("total", total)
        return {"total": total, "none": None}

    async def arm(self, milliseconds):
        import time

        await self.ctx.storage.setAlarm(int(time.time() * 1000) + milliseconds)

    def hide(self):
        return "not a coroutine, so not for others"

    async def fetch(self, request):
        return Response(f"{request.method} {await request.text()}", status=501)

    async def alarm(self, info=None):
        await note(self.env, "alarm")
