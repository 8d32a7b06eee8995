// Records what concurrent clients asked and were answered, and finds what a cache must never have answered.

/*
 * Every value is written once, so an answer tells which write it comes from. A write is newer than another one if it
 * began after the other one's answer had come; writes without an answer may take effect at any time. From a while
 * after a write is answered on, no GET that begins may see an older value:
 *
 *     SET a ├────────┤
 *     SET b             ├───────┤· · · D · · ·│
 *     GET                             ├────┤  │       a or b
 *     GET                                     │├───┤  b, or nothing if the cache may lose it
 *
 * D is what a message takes on a link that is up, or, if a fault began or was not over yet by then, the time that it
 * takes to find out about it.
 */

export type Kind = 'get' | 'set' | 'del'

/** An answer as a client has it: text, `null`, a number, an error; `undefined`: the connection was lost. */
type Answer = unknown

/** One operation of a client. Times in ms of `performance.now()`. */
export interface Operation {
  readonly kind: Kind
  /** Group and key. */
  readonly key: string
  /** The node that was asked. */
  readonly via: number
  /** What was written, or what a GET found; `null`: nothing. */
  value: string | null
  readonly start: number
  /** When it had taken effect; Infinity: nobody knows. */
  end: number
  /** When it was over for its client. */
  over: number
  /** `lost`: the client's connection ended before the answer came. */
  outcome: 'open' | 'done' | 'failed' | 'lost'
  error: string
}

export interface Promises {
  /** How long after a write is answered an older value may be seen while nothing is wrong, ms. */
  readonly delivery?: number
  /** The same when something was wrong, ms. */
  readonly detection: number
  /** An operation must be over after so many ms. */
  readonly patience?: number
  /** What was written must be found: `always`, `without-faults` or never. */
  readonly keeps?: 'always' | 'without-faults' | 'never'
  /** Errors that may come. */
  readonly errors?: RegExp
  /** Values that the origin gives, whatever was written. */
  readonly origin?: RegExp
}

interface Span {
  readonly from: number
  to: number
}

/** How many problems of one kind are told. */
const TOLD = 3

export class History {
  readonly operations: Operation[] = []
  readonly #promises: Required<Promises>
  readonly #now: () => number
  readonly #faults: Span[] = []
  /** By node: when it stood still. */
  readonly #pauses = new Map<number, Span[]>()
  /** Nodes whose clients may lose their connections. */
  readonly #mortal = new Set<number>()
  #values = 0

  /** @param now a clock that never goes back, ms */
  constructor(promises: Promises, now: () => number = () => performance.now()) {
    this.#promises = {
      delivery: 250,
      patience: 5000,
      keeps: 'without-faults',
      errors: NOTHING,
      origin: NOTHING,
      ...promises,
    }
    this.#now = now
  }

  /** A value that nobody has written yet, for this key alone. */
  value(key: string): string {
    return `${key}#${++this.#values}`
  }

  begin(kind: Kind, key: string, via: number, value: string | null = null): Operation {
    const operation: Operation = {
      kind,
      key,
      via,
      value,
      start: this.#now(),
      end: Number.POSITIVE_INFINITY,
      over: Number.POSITIVE_INFINITY,
      outcome: 'open',
      error: '',
    }
    this.operations.push(operation)
    return operation
  }

  end(operation: Operation, answer: Answer): void {
    operation.over = this.#now()
    if (answer === undefined) {
      operation.outcome = 'lost'
      return
    }
    if (answer instanceof Error) {
      operation.outcome = 'failed'
      operation.error = answer.message
      return
    }
    operation.outcome = 'done'
    operation.end = operation.over
    if (operation.kind === 'get') operation.value = answer as string | null
  }

  /** Something goes wrong from now on. Call what is returned when it is over. */
  fault(): () => void {
    const span = { from: this.#now(), to: Number.POSITIVE_INFINITY }
    this.#faults.push(span)
    return () => {
      span.to = this.#now()
    }
  }

  /** A node stands still: its own clients have to wait. Call what is returned when it goes on. */
  pause(via: number): () => void {
    const span = { from: this.#now(), to: Number.POSITIVE_INFINITY }
    this.#pauses.set(via, [...(this.#pauses.get(via) ?? []), span])
    return () => {
      span.to = this.#now()
    }
  }

  /** The clients of this node may lose their connections. */
  mayEnd(via: number): void {
    this.#mortal.add(via)
  }

  /** Everything that must not have happened, in words; at best nothing. */
  check(): string[] {
    const problems = new Map<string, string[]>()
    const report = (kind: string, text: string): void => {
      problems.set(kind, [...(problems.get(kind) ?? []), `${kind}: ${text}`])
    }
    for (const operation of this.operations) this.#checkEnd(operation, report)
    const byKey = new Map<string, Operation[]>()
    for (const operation of this.operations) {
      const own = byKey.get(operation.key)
      if (own === undefined) byKey.set(operation.key, [operation])
      else own.push(operation)
    }
    for (const own of byKey.values()) this.#checkKey(own, report)
    return [...problems.values()].flatMap((each) =>
      each.length > TOLD ? [...each.slice(0, TOLD), `… and ${each.length - TOLD} more like these`] : each,
    )
  }

  #checkEnd(operation: Operation, report: Report): void {
    const { errors, patience } = this.#promises
    const { via, start, outcome, error } = operation
    if (outcome === 'failed' && !errors.test(error)) report('error', show(operation))
    if (outcome === 'lost' && !this.#mortal.has(via)) report('connection lost', show(operation))
    const until = Math.min(operation.over, this.#now())
    const paused = (this.#pauses.get(via) ?? []).reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(until, to) - Math.max(start, from)),
      0,
    )
    if (until - start - paused > patience || outcome === 'open') report('hung', show(operation))
  }

  #checkKey(operations: readonly Operation[], report: Report): void {
    const writes = operations.filter(({ kind }) => kind !== 'get')
    const byValue = new Map(writes.filter(({ kind }) => kind === 'set').map((write) => [write.value, write]))
    const settled = writes
      .filter(({ outcome }) => outcome === 'done')
      .map((write) => ({ write, from: this.#settledFrom(write) }))
      .sort((a, b) => a.from - b.from)
    /** Of the first writes of `settled`, the one that began last. */
    const newest: Operation[] = []
    for (const { write } of settled) {
      const last = newest.at(-1)
      newest.push(last !== undefined && last.start > write.start ? last : write)
    }
    for (const get of operations) {
      if (get.kind !== 'get' || get.outcome !== 'done') continue
      if (get.value !== null && this.#promises.origin.test(get.value)) continue
      const last = newest[lowerBound(settled, get.start) - 1]
      if (get.value === null) this.#checkAbsence(get, last, writes, report)
      else this.#checkValue(get, byValue.get(get.value), last, report)
    }
  }

  #checkValue(
    get: Operation,
    write: Operation | undefined,
    last: Operation | undefined,
    report: Report,
  ): void {
    if (write === undefined) report('a value that was not written to this key', show(get))
    else if (write.start > get.end) report('a value before it was written', show(get))
    else if (last !== undefined && last.start > write.end)
      report('stale', `${show(get)} after ${show(last)}, which followed ${show(write)}`)
  }

  #checkAbsence(
    get: Operation,
    last: Operation | undefined,
    writes: readonly Operation[],
    report: Report,
  ): void {
    const { keeps } = this.#promises
    if (last === undefined || last.kind === 'del' || keeps === 'never') return
    if (keeps === 'without-faults' && this.#faults.some(({ from, to }) => from < get.end && to > last.start))
      return
    const mayBeGone = writes.some(
      ({ kind, start, end }) => kind === 'del' && end > last.start && start < get.end,
    )
    if (!mayBeGone) report('gone', `${show(get)} after ${show(last)}`)
  }

  /** From when on nothing older than this write may be seen. */
  #settledFrom({ start, end }: Operation): number {
    const { delivery, detection } = this.#promises
    const soon = end + delivery
    let from = soon
    for (const fault of this.#faults) {
      // What was wrong may show itself as late as that, also after it was mended.
      if (fault.from <= soon && fault.to + detection >= start) from = end + detection
    }
    return from
  }
}

type Report = (kind: string, text: string) => void

const NOTHING = /^\b$/

/** How many of them are settled before `time`. */
function lowerBound(settled: readonly { readonly from: number }[], time: number): number {
  let low = 0
  let high = settled.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (settled[middle].from < time) low = middle + 1
    else high = middle
  }
  return low
}

function show({ kind, key, via, value, start, over, outcome, error }: Operation): string {
  const what = kind === 'del' ? '' : ` ${JSON.stringify(value)}`
  const times = `${start.toFixed(0)} to ${over.toFixed(0)} ms`
  return `${kind} ${key}${what} at ${via} (${times}${outcome === 'done' ? '' : `, ${outcome} ${error}`.trimEnd()})`
}
