/** What the offline host runs: the generated settings, and what the environment says. */
import { join } from "node:path";
import generated from "./settings.json";

export interface Consumer {
  maxBatchSize: number;
  maxBatchTimeout: number;
  maxRetries: number;
  deadLetterQueue?: string;
}

export interface Settings {
  name: string;
  d1: { binding: string; database: string };
  /** Queue by producer binding. */
  producers: Record<string, string>;
  consumers: Record<string, Consumer>;
  /** Class by binding. */
  durableObjects: Record<string, string>;
  variables: Record<string, string>;
  migrations: { name: string; statements: string[] }[];
}

/** The settings of the Worker, with the environment's values for its variables. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const settings: Settings = generated;
  const variables = Object.entries(settings.variables).map(([name, value]) => [name, environment[name] || value]);
  return { ...settings, variables: Object.fromEntries(variables) };
}

export interface Host {
  port: number;
  /** Where D1 and the Durable Objects are kept. */
  state: string;
  /** The port of the control interface for tests; none: there is no such interface. */
  controlPort: number | undefined;
}

/** The host's own settings; `worker` is the Worker's folder. */
export function readHost(environment: NodeJS.ProcessEnv, worker: string): Host {
  return {
    port: readPort(environment, "PORT") ?? 8787,
    state: environment.OSSGARD_STATE || join(worker, ".wrangler", "state"),
    controlPort: readPort(environment, "OSSGARD_CONTROL_PORT"),
  };
}

function readPort(environment: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = environment[name];
  if (!text) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`${name} must be a port number from 0 (any free port) to 65535, got '${text}'`);
  }
  return port;
}
