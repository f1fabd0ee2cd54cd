/** What workerd loads: the shim, Pyodide's own files, and the Worker's Python files packed into one. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MiniflareOptions } from "miniflare";
import type { Bytecode } from "./bytecode.ts";

type Module = Extract<Extract<MiniflareOptions, { modules: unknown }>["modules"], unknown[]>[number];

/** Where the modules seem to lie; workerd sees only names relative to it. */
export const MODULES_ROOT = "/worker";

const RUNTIME = fileURLToPath(new URL("runtime/", import.meta.url));
const PYODIDE = dirname(fileURLToPath(import.meta.resolve("pyodide")));
/** Files of a project or a package that Python does not import. */
const IGNORED = /(^|\/)(__pycache__|node_modules)\/|\.(pyc|pyi)$/;

/** Every module of the Worker in `worker`, the main one first. */
export function workerModules(worker: string, durableObjects: string[], compiled: Bytecode): Module[] {
  const packed = pack([
    { mount: "runtime", folder: join(RUNTIME, "python") },
    { mount: "metadata/python_modules", folder: join(worker, "python_modules") },
    { mount: "metadata/python_modules", folder: compiled.packages, all: true },
    { mount: "metadata", folder: join(worker, "src") },
  ]);
  return [
    script("main.mjs", mainModule(durableObjects)),
    script("shim.mjs", readFileSync(join(RUNTIME, "shim.mjs"), "utf8")),
    script("prepare.mjs", readFileSync(join(RUNTIME, "prepare.mjs"), "utf8")),
    script("invocations.mjs", readFileSync(join(RUNTIME, "invocations.mjs"), "utf8")),
    script("pyodide.mjs", readFileSync(join(PYODIDE, "pyodide.mjs"), "utf8")),
    script("pyodide.asm.mjs", readFileSync(join(PYODIDE, "pyodide.asm.mjs"), "utf8")),
    { type: "CompiledWasm", path: at("pyodide.asm.wasm"), contents: readFileSync(join(PYODIDE, "pyodide.asm.wasm")) },
    { type: "Data", path: at("python_stdlib.zip"), contents: readFileSync(compiled.stdlib) },
    { type: "Text", path: at("files.json"), contents: JSON.stringify(packed.list) },
    { type: "Data", path: at("files.bin"), contents: packed.bytes },
  ];
}

/** workerd finds the classes of Durable Objects by the names that the main module exports. */
function mainModule(durableObjects: string[]): string {
  const classes = durableObjects.map((name) => `export const ${name} = durableObject("${name}");\n`);
  return `import worker, { durableObject } from "./shim.mjs";\nexport default worker;\n${classes.join("")}`;
}

function script(name: string, contents: string): Module {
  return { type: "ESModule", path: at(name), contents };
}

function at(name: string): string {
  return `${MODULES_ROOT}/${name}`;
}

/** The files of some folders: their names (below each mount) with their sizes, and their bytes, one after the other. */
function pack(folders: { mount: string; folder: string; all?: boolean }[]): {
  list: [string, number][];
  bytes: Uint8Array;
} {
  const list: [string, number][] = [];
  const contents: Uint8Array[] = [];
  for (const { mount, folder, all = false } of folders) {
    for (const name of filesBelow(folder).filter((name) => all || !IGNORED.test(name))) {
      const bytes = readFileSync(join(folder, name));
      list.push([`${mount}/${name}`, bytes.length]);
      contents.push(bytes);
    }
  }
  return { list, bytes: Buffer.concat(contents) };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replaceAll("\\", "/").replace(/^\//, ""))
    .sort();
}
