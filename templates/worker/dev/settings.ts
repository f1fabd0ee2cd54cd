/** What the offline host runs: the generated settings, and what the environment says. */
import { join } from "node:path";
import type { Limits } from "./invocations.ts";
import generated from "./settings.json";
import type { Definition } from "./vectorize/refusals.ts";

export interface Consumer {
  maxBatchSize: number;
  maxBatchTimeout: number;
  maxRetries: number;
  maxConcurrency: number;
  /** In seconds. */
  retryDelay: number;
  deadLetterQueue?: string;
}

export interface Settings {
  name: string;
  d1: { binding: string; database: string };
  /** Index by binding. */
  vectorize: Record<string, Definition>;
  /** Queue by producer binding. */
  producers: Record<string, string>;
  consumers: Record<string, Consumer>;
  /** Class by binding. */
  durableObjects: Record<string, string>;
  variables: Record<string, string>;
  limits: Limits;
  migrations: { name: string; statements: string[] }[];
}

/** The settings of the Worker, with the environment's values for its variables. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const settings = generated as Settings;
  const variables = Object.entries(settings.variables).map(([name, value]) => [name, environment[name] || value]);
  return { ...settings, variables: Object.fromEntries(variables) };
}

export interface Host {
  port: number;
  /** Where D1, the vectors and the Durable Objects are kept. */
  state: string;
  /** How long vectors take to show. */
  vectorizeDelay: number;
  /** The port of the control interface for tests; none: there is no such interface. */
  controlPort: number | undefined;
}

/** The host's own settings; `worker` is the Worker's folder. */
export function readHost(environment: NodeJS.ProcessEnv, worker: string): Host {
  return {
    port: readPort(environment, "PORT") ?? 8787,
    state: environment.OSSGARD_STATE || join(worker, ".wrangler", "state"),
    vectorizeDelay:
      readInteger(environment, "OSSGARD_VECTORIZE_DELAY_MS", "a time in milliseconds", 3_600_000) ?? 2_000,
    controlPort: readPort(environment, "OSSGARD_CONTROL_PORT"),
  };
}

function readPort(environment: NodeJS.ProcessEnv, name: string): number | undefined {
  return readInteger(environment, name, "a port number (0 is any free port)", 65_535);
}

function readInteger(environment: NodeJS.ProcessEnv, name: string, what: string, greatest: number): number | undefined {
  const text = environment[name];
  if (!text) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > greatest) {
    throw new Error(`${name} must be ${what} from 0 to ${greatest}, got '${text}'`);
  }
  return value;
}
