// Counts what each invocation of the Worker asks of the platform: D1, Vectorize, Queues, Durable Objects, and `fetch`.
//
// The bindings are as ever to the Worker: every call is counted and passed on. Which invocation a call belongs to is known
// to Python, whose tasks hand their context on. When an invocation ends, its counts go to the host through a binding of
// the host's own, which the Worker does not see.

/** The binding that takes the counts; the host names it so. */
const REPORTS = "OSSGARD_INVOCATIONS";

const running = new Map();
const countedEnvs = new WeakMap();
/** The statement behind one that counts: D1 looks into those that are batched. */
const originals = new WeakMap();
let lastNumber = 0;
let currentNumber = () => 0;

/** Say how to find the number of the invocation that a call is made in. */
export function attributeTo(find) {
  currentNumber = find;
}

/**
 * Run an invocation of which `run` gets the number. What it used is reported when its handler has ended: what
 * `ctx.waitUntil` still does then is not in it.
 */
export async function invocation({ ctx, env, kind, name, messages = [], memory }, run) {
  const number = ++lastNumber;
  const started = Date.now();
  const counts = {
    d1Queries: 0,
    d1RoundTrips: 0,
    vectorizeCalls: 0,
    queueSends: 0,
    queueMessages: 0,
    queueMessageBytes: 0,
    largestMessageBytes: 0,
    durableObjectCalls: 0,
    fetches: 0,
    subrequests: 0,
  };
  running.set(number, counts);
  let failed = true;
  try {
    const result = await run(number);
    failed = false;
    return result;
  } finally {
    running.delete(number);
    const milliseconds = Date.now() - started;
    const report = { kind, name, messages, failed, milliseconds, ...counts, memoryBytes: memory() };
    const request = { method: "POST", body: JSON.stringify(report) };
    ctx.waitUntil(env[REPORTS].fetch("http://host/invocations", request).catch(console.error));
  }
}

/** Count a call of `fetch`. */
export function countFetch() {
  count("fetches");
}

/** The Worker's bindings, with every call counted. */
export function countedEnv(env) {
  let counted = countedEnvs.get(env);
  if (counted === undefined) {
    const own = Object.entries(env).filter(([name]) => name !== REPORTS);
    counted = Object.fromEntries(own.map(([name, binding]) => [name, countedBinding(binding)]));
    countedEnvs.set(env, counted);
  }
  return counted;
}

function count(what, amount = 1) {
  const counts = running.get(currentNumber());
  if (counts === undefined) return;
  counts[what] += amount;
  counts.subrequests++;
}

function countQueries(amount) {
  const counts = running.get(currentNumber());
  if (counts !== undefined) counts.d1Queries += amount;
  count("d1RoundTrips");
}

function countMessages(bodies) {
  count("queueSends");
  const counts = running.get(currentNumber());
  if (counts === undefined) return;
  for (const body of bodies) {
    const bytes = new TextEncoder().encode(JSON.stringify(body)).length;
    counts.queueMessages++;
    counts.queueMessageBytes += bytes;
    counts.largestMessageBytes = Math.max(counts.largestMessageBytes, bytes);
  }
}

function countedBinding(binding) {
  switch (binding?.constructor?.name) {
    case "D1Database":
      return countedDatabase(binding);
    case "VectorizeIndexImpl":
      return countedCalls(binding, "vectorizeCalls");
    case "WorkerQueue":
      return wrap(binding, {
        send(queue, body, ...options) {
          countMessages([body]);
          return queue.send(body, ...options);
        },
        sendBatch(queue, messages, ...options) {
          const list = [...messages];
          countMessages(list.map((message) => message.body));
          return queue.sendBatch(list, ...options);
        },
      });
    case "DurableObjectNamespace":
      return countedNamespace(binding);
    case "Fetcher":
      return countedCalls(binding, "fetches");
  }
  return binding;
}

function countedDatabase(database) {
  return wrap(database, {
    prepare: (database, sql) => countedStatement(database.prepare(sql)),
    batch(database, statements) {
      countQueries(statements.length);
      return database.batch(statements.map((statement) => originals.get(statement) ?? statement));
    },
    exec(database, sql) {
      countQueries(sql.split("\n").filter((line) => line.trim() !== "").length);
      return database.exec(sql);
    },
    withSession: (database, ...options) => countedDatabase(database.withSession(...options)),
  });
}

function countedStatement(statement) {
  const methods = { bind: (statement, ...values) => countedStatement(statement.bind(...values)) };
  for (const name of ["all", "run", "first", "raw"]) {
    methods[name] = (statement, ...options) => {
      countQueries(1);
      return statement[name](...options);
    };
  }
  const counted = wrap(statement, methods);
  originals.set(counted, statement);
  return counted;
}

function countedNamespace(namespace) {
  const stub =
    (name) =>
    (namespace, ...values) =>
      countedCalls(namespace[name](...values), "durableObjectCalls");
  return wrap(namespace, {
    get: stub("get"),
    getByName: stub("getByName"),
    jurisdiction: (namespace, name) => countedNamespace(namespace.jurisdiction(name)),
  });
}

/** An object of which every method is one call of the platform. */
function countedCalls(target, what) {
  return wrap(target, {}, (method, values) => {
    count(what);
    return Reflect.apply(method, target, values);
  });
}

/** An object some of whose methods are replaced; each gets the object first. */
function wrap(target, methods, other = (method, values) => Reflect.apply(method, target, values)) {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(target, name, target);
      // The SDK knows a binding by the name of its constructor.
      if (typeof value !== "function" || name === "constructor") return value;
      const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
      return (...values) => (method === undefined ? other(value, values) : method(target, ...values));
    },
  });
}
