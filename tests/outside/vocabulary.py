"""The words that invented repositories are made of."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COMPONENTS = _words("""
    billing gateway scheduler importer exporter parser renderer router storage indexer notifier telemetry auth
    session compiler linker sandbox console dashboard editor player crawler mailer archive replication migration
    settings plugins themes search upload download streaming analytics inventory checkout shipping catalog forum
    wiki
    """)

NOUNS = _words("""
    invoice header footer ledger receipt voucher coupon discount currency region locale timezone calendar meeting
    reminder channel thread mention avatar banner sidebar toolbar tooltip dialog wizard carousel thumbnail palette
    gradient shadow cursor selection clipboard keyboard shortcut gesture scrollbar viewport canvas sprite texture
    shader polygon vertex matrix quaternion camera lantern particle emitter collider physics joint skeleton
    animation timeline keyframe soundtrack microphone speaker equalizer spectrum sampler envelope oscillator
    filter compander reverb echo packet socket handshake certificate cipher signature keychain token cookie
    referrer redirect proxy tunnel firewall router bridge switch antenna satellite beacon sensor thermometer
    barometer gyroscope compass odometer battery charger relay breaker capacitor resistor transistor amplifier
    modulator decoder encoder transcoder bitrate framerate subtitle caption transcript glossary dictionary
    thesaurus grammar lexer tokenizer syntax closure iterator generator coroutine semaphore mutex barrier latch
    queue stack heap arena allocator finalizer snapshot checkpoint journal replica shard partition tablet bucket
    bloom trie btree hashmap linkedlist deque ringbuffer bitmap histogram quantile median variance regression
    cluster centroid kernel descent optimizer scheduler learner dataset corpus embedding vectorizer tenant
    workspace membership invitation permission policy audit retention quota throttle backoff deadline timeout
    webhook callback listener observer dispatcher reducer selector middleware interceptor resolver loader bundler
    minifier sourcemap polyfill transpiler formatter linter debugger profiler tracer sequencer flamegraph heapdump
    coredump stacktrace breadcrumb pagination infinite accordion checkbox radiobutton dropdown combobox datepicker
    slider spinner placeholder mailbox postcard letter parcel courier warehouse pallet forklift conveyor barcode
    scanner printer stapler folder orchard meadow river glacier volcano canyon plateau harbor lighthouse anchor
    rudder mast bowsprit sextant chart
    """)

SUFFIXES = ("py", "ts", "go", "rs")

VERBS = ("Fix", "Correct", "Repair", "Resolve", "Handle", "Address", "Prevent", "Avoid")

SYMPTOMS = _words("""
    crash leak slowdown deadlock overflow corruption flicker duplication truncation starvation misalignment
    regression rounding staleness overwrite timeout mismatch garbling omission recursion contention drift lag
    panic
    """)

# Filled with a topic's nouns (a, b, c first), others (d, e, f), its component, symptom and name, and a number.
SENTENCES = (
    "The {a} {b} shows a {symptom} as soon as {c} {d} exceeds {n}, reported for {component} by several {e} users.",
    "`{name}` keeps the old {d} while {e} arrives, so {a} and {b} disagree about the {f}.",
    "Steps: open {component}, choose {a}, attach {n} {c} entries, watch the {symptom} in {b} {d}.",
    "Instead of rebuilding {c} for every {e}, we keep {a} {b} together with its {f} and reuse them.",
    "Benchmarks with {n} {a} records: {b} {c} went from slow to quick, {d} memory stayed flat.",
    "A guard around {name} checks {b} {d} first and reports {e} {f} clearly.",
    "Closes the long discussion about {symptom} of {a} {c} near {e} number {n}.",
    "Reviewers: please look at {b} {d} handling in {component}, especially {f} {a} ordering.",
    "Without it, {c} {f} keeps {symptom} reports coming whenever {a} {e} restarts under {n} clients.",
    "Documentation of {component} mentions {a} {d} twice; {b} {c} was missing beside {e}.",
    "Verified by hand on {n} {d} samples, where {name} returned {c} {a} as intended by {f}.",
    "The previous attempt touched {e} {f} and lost {b}; here {a} {c} remains intact through {component}.",
)

LOGINS = _words("""
    ada-l grace-h linus-x margaret-h dennis-r barbara-l edsger-d katherine-j alan-t frances-a john-m radia-p
    guido-v yukihiro-m bjarne-s anders-h brendan-e dependabot[bot] renovate[bot] hedy-l
    """)
