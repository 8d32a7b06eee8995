import { describe, expect, test } from 'vitest'
import { type Guarantees, History, type Kind } from './history.ts'

const NODE = 7001

/** A history with times set by the test. */
class ScriptedHistory {
  now = 0
  readonly history: History

  constructor(guarantees: Partial<Guarantees> = {}) {
    this.history = new History(
      { delivery: 100, detection: 1000, timeout: 5000, ...guarantees },
      () => this.now,
    )
  }

  /** An operation with its start, end and reply. */
  did(kind: Kind, from: number, to: number, value: string | null, answer: unknown, key = 'k'): this {
    this.now = from
    const operation = this.history.begin(kind, key, NODE, value)
    this.now = to
    this.history.end(operation, answer)
    return this
  }

  set(from: number, to: number, value: string, answer: unknown = 'OK', key = 'k'): this {
    return this.did('set', from, to, value, answer, key)
  }

  get(from: number, to: number, answer: unknown, key = 'k'): this {
    return this.did('get', from, to, null, answer, key)
  }

  del(from: number, to: number): this {
    return this.did('del', from, to, null, 1)
  }

  /** A fault with its start and end. */
  fault(from: number, to: number): this {
    this.now = from
    const heal = this.history.fault()
    this.now = to
    heal()
    return this
  }

  /** The kinds of the problems. */
  get problems(): string[] {
    return this.history.check().map((problem) => problem.split(':')[0])
  }
}

describe('accepts', () => {
  test('written values in every possible order', () => {
    const chronicle = new ScriptedHistory()
    chronicle.get(0, 5, null).set(10, 20, 'a').get(21, 22, 'a').set(30, 50, 'b')
    // While b is written, and for the delivery delay afterwards.
    chronicle.get(35, 36, 'b').get(40, 41, 'a').get(51, 52, 'a').get(149, 150, 'a').get(151, 152, 'b')
    expect(chronicle.problems).toEqual([])
  })

  test('any of several concurrent writes may be the last', () => {
    const chronicle = new ScriptedHistory().set(10, 30, 'a').set(20, 40, 'b')
    expect(chronicle.get(500, 501, 'a').get(502, 503, 'b').problems).toEqual([])
  })

  test('a write without a reply takes effect at any time, or never', () => {
    const lost = new ScriptedHistory({ errors: /^PEERDOWN / })
    lost.set(0, 1, 'a', new Error('PEERDOWN gone')).set(10, 20, 'b')
    expect(lost.get(500, 501, 'b').get(600, 601, 'a').problems).toEqual([])
  })

  test('older values for longer during a fault', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a').fault(5, 500).set(10, 20, 'b')
    expect(chronicle.get(1019, 1020, 'a').problems).toEqual([])
  })

  test('a missing value of a key that was or may have been deleted', () => {
    const deleted = new ScriptedHistory().set(0, 1, 'a').del(10, 20)
    expect(deleted.get(21, 22, 'a').get(500, 501, null).problems).toEqual([])
    const unknown = new ScriptedHistory({ errors: /^PEERDOWN / }).set(0, 1, 'a')
    unknown.did('del', 2, 3, null, new Error('PEERDOWN gone'))
    expect(unknown.get(500, 501, null).problems).toEqual([])
  })

  test('a value of the origin', () => {
    const chronicle = new ScriptedHistory({ origin: /^origin / }).set(0, 1, 'a')
    expect(chronicle.get(500, 501, 'origin k').problems).toEqual([])
  })

  test('a missing value after a fault', () => {
    expect(new ScriptedHistory().set(0, 1, 'a').fault(5, 6).get(500, 501, null).problems).toEqual([])
    expect(new ScriptedHistory({ keeps: 'never' }).set(0, 1, 'a').get(500, 501, null).problems).toEqual([])
  })

  test('a long operation at a paused node', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a')
    chronicle.now = 10
    const goesOn = chronicle.history.pause(NODE)
    chronicle.now = 9000
    goesOn()
    expect(chronicle.get(11, 9100, 'a').problems).toEqual([])
  })

  test('a lost connection to a node that ends', () => {
    const chronicle = new ScriptedHistory().get(0, 1, undefined)
    chronicle.history.allowLostConnections(NODE)
    expect(chronicle.problems).toEqual([])
  })
})

describe('reports', () => {
  test('a value of another key', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a', 'OK', 'other').set(0, 1, 'b')
    expect(chronicle.get(500, 501, 'a').problems).toEqual(['a value that was not written to this key'])
  })

  test('a value that was never written', () => {
    expect(new ScriptedHistory().get(0, 1, 'a').problems).toEqual([
      'a value that was not written to this key',
    ])
  })

  test('a value that was written later', () => {
    expect(new ScriptedHistory().get(0, 1, 'a').set(2, 3, 'a').problems).toEqual([
      'a value before it was written',
    ])
  })

  test('an older value after the delivery delay', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a').set(10, 20, 'b')
    expect(chronicle.get(121, 122, 'a').problems).toEqual(['stale'])
  })

  test('an older value after several newer ones', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a').set(10, 20, 'b').set(30, 40, 'c').set(35, 45, 'd')
    expect(chronicle.get(200, 201, 'b').get(200, 201, 'c').problems).toEqual(['stale'])
  })

  test('an older value after the detection delay', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a').fault(5, 5000).set(10, 20, 'b')
    expect(chronicle.get(1021, 1022, 'a').problems).toEqual(['stale'])
  })

  test('an older value during a later fault', () => {
    const chronicle = new ScriptedHistory().set(0, 1, 'a').set(10, 20, 'b').fault(2000, 3000)
    expect(chronicle.get(2500, 2501, 'a').problems).toEqual(['stale'])
  })

  test('a value that was deleted', () => {
    expect(new ScriptedHistory().set(0, 1, 'a').del(10, 20).get(121, 122, 'a').problems).toEqual(['stale'])
  })

  test('a missing value', () => {
    expect(new ScriptedHistory().set(0, 1, 'a').get(500, 501, null).problems).toEqual(['gone'])
    expect(new ScriptedHistory().del(0, 1).set(2, 3, 'a').get(500, 501, null).problems).toEqual(['gone'])
    const kept = new ScriptedHistory({ keeps: 'always' }).set(0, 1, 'a').fault(5, 6)
    expect(kept.get(5000, 5001, null).problems).toEqual(['gone'])
  })

  test('an operation that takes too long or never ends', () => {
    expect(new ScriptedHistory().get(0, 5001, null).problems).toEqual(['hung'])
    const failed = new ScriptedHistory({ errors: /^PEERDOWN / }).get(0, 5001, new Error('PEERDOWN gone'))
    expect(failed.problems).toEqual(['hung'])
    const open = new ScriptedHistory()
    open.history.begin('get', 'k', NODE)
    expect(open.problems).toEqual(['hung'])
  })

  test('an error, unless it is allowed', () => {
    const failed = new Error('ERR internal error')
    expect(new ScriptedHistory().get(0, 1, failed).problems).toEqual(['error'])
    expect(new ScriptedHistory({ errors: /^PEERDOWN / }).set(0, 1, 'a', failed).problems).toEqual(['error'])
  })

  test('a lost connection', () => {
    expect(new ScriptedHistory().get(0, 1, undefined).problems).toEqual(['connection lost'])
  })

  test('reports only a few of many violations of one kind', () => {
    const chronicle = new ScriptedHistory()
    for (let i = 0; i < 10; i++) chronicle.get(i, i + 1, 'a')
    expect(chronicle.history.check()).toHaveLength(4)
    expect(chronicle.history.check().at(-1)).toBe('… and 7 more like these')
  })
})
