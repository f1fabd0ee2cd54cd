/**
 * Bytecode of the standard library and of the vendored packages, kept in a folder: without it, every start compiles them.
 *
 * Run as a program, it compiles: `bun bytecode.ts <packages> <target>`. That is a process of its own because Pyodide's
 * memory would otherwise stay with the host.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadPyodide, version } from "pyodide";

/** Where the shim puts what is compiled; tracebacks show these paths. */
const STDLIB_MOUNT = "/lib/python314.zip";
const PACKAGES_MOUNT = "/session/metadata/python_modules";

const PROGRAM = fileURLToPath(import.meta.url);
const PYODIDE = dirname(fileURLToPath(import.meta.resolve("pyodide")));

export interface Bytecode {
  /** The standard library as a zip. */
  stdlib: string;
  /** A folder of `__pycache__` folders, to lie over that of the packages. */
  packages: string;
}

/** The bytecode for the packages in a folder, compiled now if `cache` does not hold it. */
export function bytecode(packages: string, cache: string): Bytecode {
  const key = createHash("sha256")
    .update(version)
    .update(readFileSync(join(packages, ".pins")))
    .update(readFileSync(script()));
  const folder = join(cache, `bytecode-${key.digest("hex").slice(0, 16)}`);
  if (!existsSync(folder)) {
    console.log("Compiling Python's standard library and the packages, once ...");
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(join(cache, "compiling-"));
    const { success } = Bun.spawnSync([process.execPath, PROGRAM, packages, fresh], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (!success) {
      rmSync(fresh, { recursive: true });
      throw new Error("The packages could not be compiled");
    }
    try {
      renameSync(fresh, folder);
    } catch (error) {
      // Another host was faster.
      rmSync(fresh, { recursive: true });
      if (!existsSync(folder)) throw error;
    }
  }
  return { stdlib: join(folder, "stdlib.zip"), packages: join(folder, "packages") };
}

function script(): string {
  return join(dirname(PROGRAM), "compile.py");
}

async function compile(packages: string, target: string): Promise<void> {
  const python = await loadPyodide();
  for (const [folder, mount] of [
    [PYODIDE, "/pyodide"],
    [packages, "/packages"],
    [target, "/target"],
  ] as const) {
    python.mountNodeFS(mount, folder);
  }
  python.FS.writeFile("/home/pyodide/compile_bytecode.py", readFileSync(script()));
  const program = python.pyimport("compile_bytecode");
  const { Path } = python.pyimport("pathlib");
  program.compile_zip(Path("/pyodide/python_stdlib.zip"), Path("/target/stdlib.zip"), STDLIB_MOUNT);
  program.compile_folder(Path("/packages"), Path("/target/packages"), PACKAGES_MOUNT);
}

if (import.meta.main) {
  const [packages, target] = process.argv.slice(2);
  if (packages === undefined || target === undefined) throw new Error("usage: bun bytecode.ts <packages> <target>");
  await compile(packages, target);
}
