// Runs a Python Worker in plain workerd: boots Pyodide from its npm files, imports the Worker's main module, and forwards
// every event to its classes the way Cloudflare's own Python runtime does.
// First of all: Pyodide's modules look around as soon as they are evaluated.

import * as cloudflareSockets from "cloudflare:sockets";
import * as cloudflareWorkers from "cloudflare:workers";
import files from "./files.bin";
import fileList from "./files.json";
import { attributeTo, countedEnv, invocation } from "./invocations.mjs";
import { beginImports, endImports, entropyGate, PYODIDE_URL } from "./prepare.mjs";
import createPyodideModule from "./pyodide.asm.mjs";
import { loadPyodide, version } from "./pyodide.mjs";

const SESSION = "/session";
const WORKER = `${SESSION}/metadata`;

const python = await boot();
const runtime = python.pyimport("worker_runtime");
attributeTo(runtime.current_invocation);
beginImports();
const entry = runtime.load_entry("entry", WORKER);
const { Request } = python.pyimport("workers");
endImports();

async function boot() {
  const info = { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2", version };
  const python = await loadPyodide({
    createPyodideModule,
    indexURL: PYODIDE_URL,
    packageBaseUrl: PYODIDE_URL,
    lockFileContents: { info, packages: {} },
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
  // Python that has ended would answer every event with an error. Cloudflare's own runtime does the same: the next event
  // gets a new isolate. Here it ends workerd, which the host starts again.
  python._api.on_fatal = (error) => {
    console.error(`Python has ended: ${error.message}`);
    cloudflareWorkers.abortIsolate("Python has ended");
  };
  python.registerJsModule("_entropy_gate", entropyGate);
  python.registerJsModule("_cloudflare_compat_flags", {
    python_request_headers_preserve_commas: true,
    python_workflows_implicit_dependencies: true,
  });
  python.registerJsModule("_pyodide_entrypoint_helper", {
    doAnImport: (name) => import(name),
    cloudflareWorkersModule: cloudflareWorkers,
    cloudflareSocketsModule: cloudflareSockets,
    workerEntrypoint: cloudflareWorkers.WorkerEntrypoint,
    patchWaitUntil,
  });
  writeFiles(python.FS);
  // The Worker's own modules come last: they cannot hide those of the standard library or of a package.
  for (const folder of [`${SESSION}/runtime`, `${WORKER}/python_modules`, WORKER]) {
    python.runPython("import sys; sys.path.append(folder)", { locals: python.toPy({ folder }) });
  }
  return python;
}

/** Unpack the files of the host, read-only as they are on Cloudflare. */
function writeFiles(fs) {
  const folders = new Set();
  const bytes = new Uint8Array(files);
  let offset = 0;
  for (const [name, size] of JSON.parse(fileList)) {
    const path = `${SESSION}/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!folders.has(folder)) fs.mkdirTree(folder);
    folders.add(folder);
    fs.writeFile(path, bytes.subarray(offset, offset + size), { mode: 0o444 });
    offset += size;
  }
}

/** Let `ctx.waitUntil` take coroutines and other awaitables of Python. */
function patchWaitUntil(ctx) {
  if (Object.prototype.toString.call(ctx) !== "[object ExecutionContext]" || Object.hasOwn(ctx, "waitUntil")) return;
  const waitUntil = ctx.waitUntil.bind(ctx);
  ctx.waitUntil = (awaitable) => {
    // The caller's proxy is gone when its call returns, so the promise holds one of its own.
    const own = awaitable instanceof python.ffi.PyProxy ? awaitable.copy() : awaitable;
    waitUntil(Promise.resolve(own).finally(() => own.destroy?.()));
  };
}

function memory() {
  return python._module.HEAPU8.length;
}

let seeded = false;
/** Call a method of a Python object as an invocation; a Python `Response` comes back as JavaScript's. */
async function call(event, target, method, ...values) {
  if (!seeded) {
    seeded = true;
    runtime.before_first_event();
  }
  return await invocation({ ...event, memory }, async (number) => {
    const result = await runtime.call_handler(number, target, method, ...values);
    if (!(result instanceof python.ffi.PyProxy)) return result;
    const response = result.js_object;
    result.destroy();
    return response;
  });
}

/** Handle one event with an instance of its own. */
async function handle(event, method, ...values) {
  const instance = entry.Default(event.ctx, countedEnv(event.env));
  try {
    return await call({ kind: method, ...event }, instance, method, ...values);
  } finally {
    instance.destroy();
  }
}

// Cloudflare's runtime passes `env` and `ctx` as None: `undefined` here.
export default {
  fetch(request, env, ctx) {
    const name = `${request.method} ${new URL(request.url).pathname}`;
    return handle({ env, ctx, name }, "fetch", Request(request));
  },
  queue(batch, env, ctx) {
    const messages = batch.messages.map(({ body }) => String(body?.type));
    return handle({ env, ctx, name: batch.queue, messages }, "queue", batch, undefined, undefined);
  },
  scheduled(controller, env, ctx) {
    return handle({ env, ctx, name: controller.cron }, "scheduled", controller, undefined, undefined);
  },
};

/** Where the control interface of the host sends what is for the object's alarm and storage, and not for Python. */
const CONTROL_ORIGIN = "http://control.invalid";

/** The class of a Durable Object: its handlers, and each public async method of the Python class for RPC. */
export function durableObject(name) {
  const PythonClass = entry[name];
  // Kept beside the objects: every property and method of a Durable Object's prototype can be called from outside.
  const instances = new WeakMap();
  class Host extends cloudflareWorkers.DurableObject {
    constructor(ctx, env) {
      super(ctx, env);
      instances.set(this, { ctx, env, instance: PythonClass(ctx, countedEnv(env)) });
    }
    fetch(request) {
      const { origin, pathname } = new URL(request.url);
      if (origin === CONTROL_ORIGIN) return control(this, instances.get(this).ctx.storage, pathname);
      const { instance, ...event } = instances.get(this);
      return call({ ...event, kind: "object-fetch", name }, instance, "fetch", Request(request));
    }
    alarm(info) {
      const { instance, ...event } = instances.get(this);
      return call({ ...event, kind: "alarm", name }, instance, "alarm", info);
    }
  }
  for (const method of runtime.rpc_methods(PythonClass)) {
    Host.prototype[method] = function (...values) {
      const { instance, ...event } = instances.get(this);
      return invocation({ ...event, kind: "rpc", name: `${name}.${method}`, memory }, (number) =>
        runtime.call_rpc(number, instance, method, ...values),
      );
    };
  }
  return Host;
}

/** Answer the control interface of the host about an object: its next alarm, its storage, or what an alarm now does. */
async function control(object, storage, pathname) {
  switch (pathname) {
    case "/alarm/next":
      return Response.json({ at: await storage.getAlarm() });
    case "/storage":
      return Response.json(Object.fromEntries(await storage.list()));
    case "/alarm/run": {
      // As the platform does: the alarm is gone once it rings, and the handler sets the next one.
      await storage.deleteAlarm();
      const error = await object.alarm({ retryCount: 0, isRetry: false }).then(() => null, String);
      return Response.json({ error, at: await storage.getAlarm() });
    }
  }
  return new Response(null, { status: 404 });
}
