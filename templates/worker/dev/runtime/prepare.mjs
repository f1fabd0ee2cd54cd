// Makes workerd look like what Pyodide expects, before Pyodide's own modules are evaluated.
//
// The Worker boots while its modules are evaluated, as a deployed Python Worker does when its snapshot is taken: there is no
// randomness, there are no timers, no input and no output, and the clock stands at 1970.
import { countFetch } from "./invocations.mjs";
import wasm from "./pyodide.asm.wasm";
import stdlib from "./python_stdlib.zip";

/** Where Pyodide believes that its files are. */
export const PYODIDE_URL = "http://pyodide.invalid/";

globalThis.location ??= PYODIDE_URL;
// (workerd's own takes no capturing listeners.)
globalThis.addEventListener = () => {};

// Pyodide and its HTTP module keep the `fetch` that they see first, so this one stays and passes the rest on.
const workerFetch = globalThis.fetch;
globalThis.fetch = (resource, init) => {
  const url = String(resource?.url ?? resource);
  if (!url.startsWith(PYODIDE_URL)) {
    countFetch();
    return workerFetch(resource, init);
  }
  const body = url.endsWith(".zip") ? stdlib : new ArrayBuffer(0);
  return Promise.resolve({ ok: true, arrayBuffer: () => Promise.resolve(body) });
};

// No task of the event loop runs while modules are evaluated: WebAssembly has to be made at once. The modules that are not
// compiled beforehand (small helpers, and extension modules) need the flag `allow_insecure_inefficient_logged_eval`.
const instantiate = (module, imports) => new WebAssembly.Instance(module, imports);
WebAssembly.compile = async (bytes) => new WebAssembly.Module(bytes);
WebAssembly.instantiate = async (source, imports) => {
  if (source instanceof WebAssembly.Module) return instantiate(source, imports);
  const module = new WebAssembly.Module(source);
  return { module, instance: instantiate(module, imports) };
};
WebAssembly.instantiateStreaming = async (_response, imports) => ({
  module: wasm,
  instance: instantiate(wasm, imports),
});

const now = Date.now;
Date.now = () => 0;

const randomValues = crypto.getRandomValues.bind(crypto);
let evaluating = true;
let counting = false;
let allowed = 0;
let refused = 0;
crypto.getRandomValues = (view) => {
  if (!evaluating) return randomValues(view);
  if (counting && --allowed < 0) refused++;
  return view.fill(42);
};

/** How often the Worker may ask for randomness while it is imported; Python sees it as the module `_entropy_gate`. */
export const entropyGate = {
  allow(calls) {
    allowed = calls;
  },
  left: () => allowed,
};

/** From here on the Worker's own modules are imported: randomness is counted. */
export function beginImports() {
  counting = true;
  allowed = 0;
}

/** The Worker is imported: randomness and the clock are real from now on, and text cannot become code. */
export function endImports() {
  evaluating = false;
  Date.now = now;
  globalThis.eval = () => {
    throw new EvalError("Code generation from strings disallowed for this context");
  };
  if (refused > 0) throw new Error("Compiled code asked for randomness while the Worker was imported");
}
