// Records the operations of concurrent clients, and finds replies that violate the cache's consistency guarantees.

/*
 * Every value is written once, so a reply identifies its write. A write is newer than another one if it began after
 * the reply to the other one. A write without a reply may take effect at any time. A GET that begins later than D after
 * the reply to a write must not return an older value:
 *
 *     SET a ├────────┤
 *     SET b             ├───────┤· · · D · · ·│
 *     GET                             ├────┤  │       a or b
 *     GET                                     │├───┤  b, or nothing if the cache may lose it
 *
 * D is the delay of a message on a working link, or, if there was a fault in this time, the time to detect it.
 */

export type Kind = 'get' | 'set' | 'del'

/** A reply as the client library returns it; `undefined`: the connection was lost. */
type Answer = unknown

/** One operation of a client. Times in ms. */
export interface Operation {
  readonly kind: Kind
  /** Group and key. */
  readonly key: string
  /** The node that received it. */
  readonly via: number
  /** The value written, or returned by a GET; `null`: none. */
  value: string | null
  readonly start: number
  /** The latest time at which it took effect; Infinity: unknown. */
  effectiveAt: number
  /** When the client had its outcome. */
  endedAt: number
  /** `lost`: the client's connection was closed before the reply. */
  outcome: 'open' | 'done' | 'failed' | 'lost'
  error: string
}

export interface Guarantees {
  /** How long after the reply to a write an older value may be returned without a fault, ms. */
  readonly delivery?: number
  /** The same with a fault, ms. */
  readonly detection: number
  /** The longest time of an operation, ms. */
  readonly timeout?: number
  /** Added to all of these bounds when a history is checked: how far the machine is behind, ms. */
  readonly slackMs?: () => number
  /** When a written value must not be missing. */
  readonly keeps?: 'always' | 'without-faults' | 'never'
  /** Error replies that are allowed. */
  readonly errors?: RegExp
  /** Values that come from the origin, not from a write. */
  readonly origin?: RegExp
}

interface Span {
  readonly from: number
  to: number
}

/** How many problems of one kind are reported. */
const REPORTED = 3

export class History {
  readonly operations: Operation[] = []
  readonly #guarantees: Required<Guarantees>
  readonly #now: () => number
  readonly #faults: Span[] = []
  /** By node: when it was paused. */
  readonly #pauses = new Map<number, Span[]>()
  /** Nodes whose clients may lose their connections. */
  readonly #mayClose = new Set<number>()
  #values = 0

  /** @param now a monotonic clock, ms */
  constructor(guarantees: Guarantees, now: () => number = () => performance.now()) {
    this.#guarantees = {
      delivery: 250,
      timeout: 5000,
      slackMs: () => 0,
      keeps: 'without-faults',
      errors: NOTHING,
      origin: NOTHING,
      ...guarantees,
    }
    this.#now = now
  }

  /** A new value for this key. */
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
      effectiveAt: Number.POSITIVE_INFINITY,
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'open',
      error: '',
    }
    this.operations.push(operation)
    return operation
  }

  end(operation: Operation, answer: Answer): void {
    operation.endedAt = this.#now()
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
    operation.effectiveAt = operation.endedAt
    if (operation.kind === 'get') operation.value = answer as string | null
  }

  /** A fault begins. Call the returned function when it ends. */
  fault(): () => void {
    const span = { from: this.#now(), to: Number.POSITIVE_INFINITY }
    this.#faults.push(span)
    return () => {
      span.to = this.#now()
    }
  }

  /** A node is paused, and its clients wait. Call the returned function when it continues. */
  pause(via: number): () => void {
    const span = { from: this.#now(), to: Number.POSITIVE_INFINITY }
    this.#pauses.set(via, [...(this.#pauses.get(via) ?? []), span])
    return () => {
      span.to = this.#now()
    }
  }

  /** The clients of this node may lose their connections. */
  allowLostConnections(via: number): void {
    this.#mayClose.add(via)
  }

  /** Describes every violation; empty if there is none. */
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
      each.length > REPORTED
        ? [...each.slice(0, REPORTED), `… and ${each.length - REPORTED} more like these`]
        : each,
    )
  }

  #checkEnd(operation: Operation, report: Report): void {
    const { errors, timeout, slackMs } = this.#guarantees
    const { via, start, outcome, error } = operation
    if (outcome === 'failed' && !errors.test(error)) report('error', show(operation))
    if (outcome === 'lost' && !this.#mayClose.has(via)) report('connection lost', show(operation))
    const until = Math.min(operation.endedAt, this.#now())
    const paused = (this.#pauses.get(via) ?? []).reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(until, to) - Math.max(start, from)),
      0,
    )
    if (until - start - paused > timeout + slackMs() || outcome === 'open') report('hung', show(operation))
  }

  #checkKey(operations: readonly Operation[], report: Report): void {
    const writes = operations.filter(({ kind }) => kind !== 'get')
    const byValue = new Map(writes.filter(({ kind }) => kind === 'set').map((write) => [write.value, write]))
    const settled = writes
      .filter(({ outcome }) => outcome === 'done')
      .map((write) => ({ write, from: this.#settledFrom(write) }))
      .sort((a, b) => a.from - b.from)
    /** At i: of the writes 0 to i of `settled`, the one that began last. */
    const newest: Operation[] = []
    for (const { write } of settled) {
      const last = newest.at(-1)
      newest.push(last !== undefined && last.start > write.start ? last : write)
    }
    for (const get of operations) {
      if (get.kind !== 'get' || get.outcome !== 'done') continue
      if (get.value !== null && this.#guarantees.origin.test(get.value)) continue
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
    else if (write.start > get.effectiveAt) report('a value before it was written', show(get))
    else if (last !== undefined && last.start > write.effectiveAt)
      report('stale', `${show(get)} after ${show(last)}, which followed ${show(write)}`)
  }

  #checkAbsence(
    get: Operation,
    last: Operation | undefined,
    writes: readonly Operation[],
    report: Report,
  ): void {
    const { keeps } = this.#guarantees
    if (last === undefined || last.kind === 'del' || keeps === 'never') return
    if (
      keeps === 'without-faults' &&
      this.#faults.some(({ from, to }) => from < get.effectiveAt && to > last.start)
    )
      return
    const mayBeGone = writes.some(
      ({ kind, start, effectiveAt }) => kind === 'del' && effectiveAt > last.start && start < get.effectiveAt,
    )
    if (!mayBeGone) report('gone', `${show(get)} after ${show(last)}`)
  }

  /** The time after which no value older than this write may be returned. */
  #settledFrom({ start, effectiveAt }: Operation): number {
    const slack = this.#guarantees.slackMs()
    // No delay at all is a guarantee of order, not of time.
    const delivery = this.#guarantees.delivery === 0 ? 0 : this.#guarantees.delivery + slack
    const detection = this.#guarantees.detection + slack
    const soon = effectiveAt + delivery
    let from = soon
    for (const fault of this.#faults) {
      // A fault may have effects until this long after its end.
      if (fault.from <= soon && fault.to + detection >= start) from = effectiveAt + detection
    }
    return from
  }
}

type Report = (kind: string, text: string) => void

const NOTHING = /^\b$/

/** The number of elements with `from` before `time`. */
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

function show({ kind, key, via, value, start, endedAt, outcome, error }: Operation): string {
  const what = kind === 'del' ? '' : ` ${JSON.stringify(value)}`
  const times = `${start.toFixed(0)} to ${endedAt.toFixed(0)} ms`
  return `${kind} ${key}${what} at ${via} (${times}${outcome === 'done' ? '' : `, ${outcome} ${error}`.trimEnd()})`
}
