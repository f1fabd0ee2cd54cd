/**
 * What each invocation of the Worker asked of the platform, counted by the shim (runtime/invocations.mjs) and held here
 * against the limits of the plan.
 */

/** One invocation. */
export interface Invocation {
  /** fetch, queue, scheduled, alarm, or for a Durable Object also object-fetch and rpc. */
  kind: string;
  /** `GET /health`, the queue, the cron expression, or the class with the method that was called. */
  name: string;
  /** The types of a queue's messages, in order. */
  messages: string[];
  failed: boolean;
  milliseconds: number;
  /** SQL statements. */
  d1Queries: number;
  /** Calls of D1; a batch is one. */
  d1RoundTrips: number;
  vectorizeCalls: number;
  queueSends: number;
  queueMessages: number;
  /** Of all messages that were sent, with what the platform adds to each. */
  queueMessageBytes: number;
  largestMessageBytes: number;
  durableObjectCalls: number;
  /** Calls of `fetch`; the redirects that it followed are not seen. */
  fetches: number;
  /** All calls of bindings and of `fetch`. */
  subrequests: number;
  /** Pyodide's memory at the end. It never shrinks: this is the most that the isolate has had so far. */
  memoryBytes: number;
}

/** What the Worker's plan allows to one invocation. */
export interface Limits {
  plan: string;
  d1Queries: number;
  subrequests: number;
  messageBytes: number;
  messageOverheadBytes: number;
}

/** Of the whole isolate, JavaScript included. */
const MEMORY_BYTES = 128 * 1024 ** 2;
/** More are not kept: an idle host runs for days. */
const MOST = 50_000;

export class Invocations {
  readonly #limits: Limits;
  #list: Invocation[] = [];

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The invocations that have ended since the last reset, in the order of their ends. */
  list(): readonly Invocation[] {
    return this.#list;
  }

  reset(): void {
    this.#list = [];
  }

  /** Note down what the shim reports; what the platform would have stopped is told to the developer. */
  add(report: Invocation): void {
    const invocation = this.#withOverhead(report);
    if (this.#list.length >= MOST) this.#list.shift();
    this.#list.push(invocation);
    for (const excess of this.#excesses(invocation)) console.warn(`Over the limit: ${describe(invocation)}: ${excess}`);
  }

  /** The shim knows the messages' bodies only. */
  #withOverhead(report: Invocation): Invocation {
    const overhead = this.#limits.messageOverheadBytes;
    return {
      ...report,
      queueMessageBytes: report.queueMessageBytes + report.queueMessages * overhead,
      largestMessageBytes: report.largestMessageBytes + (report.queueMessages > 0 ? overhead : 0),
    };
  }

  #excesses({ d1Queries, subrequests, largestMessageBytes, memoryBytes }: Invocation): string[] {
    const { plan, ...limits } = this.#limits;
    const found: [number, number, string][] = [
      [d1Queries, limits.d1Queries, `D1 queries; the plan '${plan}' allows`],
      [subrequests, limits.subrequests, `subrequests; the plan '${plan}' allows`],
      [largestMessageBytes, limits.messageBytes, "bytes in a queue message; Queues allows"],
      [memoryBytes, MEMORY_BYTES, "bytes of memory; an isolate has"],
    ];
    return found.filter(([used, limit]) => used > limit).map(([used, limit, what]) => `${used} ${what} ${limit}`);
  }
}

function describe({ kind, name, messages }: Invocation): string {
  return [kind, name, ...(messages.length > 0 ? [`(${messages.join(", ")})`] : [])].join(" ");
}
