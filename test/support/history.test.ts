import { describe, expect, test } from 'vitest'
import { type Guarantees, History, type Kind } from './history.ts'

const NODE = 7001

/** A history that is written by hand. */
class Chronicle {
  now = 0
  readonly history: History

  constructor(promises: Partial<Guarantees> = {}) {
    this.history = new History({ delivery: 100, detection: 1000, timeout: 5000, ...promises }, () => this.now)
  }

  /** An operation from one moment to another, and its answer. */
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

  /** When something was wrong. */
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

describe('a history that keeps the promises', () => {
  test('values that were written, in every order that may be', () => {
    const chronicle = new Chronicle()
    chronicle.get(0, 5, null).set(10, 20, 'a').get(21, 22, 'a').set(30, 50, 'b')
    // While b is written, and as long as word of it may take.
    chronicle.get(35, 36, 'b').get(40, 41, 'a').get(51, 52, 'a').get(149, 150, 'a').get(151, 152, 'b')
    expect(chronicle.problems).toEqual([])
  })

  test('of writes at the same time any may be the last', () => {
    const chronicle = new Chronicle().set(10, 30, 'a').set(20, 40, 'b')
    expect(chronicle.get(500, 501, 'a').get(502, 503, 'b').problems).toEqual([])
  })

  test('a write without an answer takes effect at any time, or never', () => {
    const lost = new Chronicle({ errors: /^PEERDOWN / })
    lost.set(0, 1, 'a', new Error('PEERDOWN gone')).set(10, 20, 'b')
    expect(lost.get(500, 501, 'b').get(600, 601, 'a').problems).toEqual([])
  })

  test('while something is wrong older values are seen longer', () => {
    const chronicle = new Chronicle().set(0, 1, 'a').fault(5, 500).set(10, 20, 'b')
    expect(chronicle.get(1019, 1020, 'a').problems).toEqual([])
  })

  test('a key that was deleted, or may have been, is gone', () => {
    const deleted = new Chronicle().set(0, 1, 'a').del(10, 20)
    expect(deleted.get(21, 22, 'a').get(500, 501, null).problems).toEqual([])
    const unknown = new Chronicle({ errors: /^PEERDOWN / }).set(0, 1, 'a')
    unknown.did('del', 2, 3, null, new Error('PEERDOWN gone'))
    expect(unknown.get(500, 501, null).problems).toEqual([])
  })

  test('what the origin gives is always right', () => {
    const chronicle = new Chronicle({ origin: /^origin / }).set(0, 1, 'a')
    expect(chronicle.get(500, 501, 'origin k').problems).toEqual([])
  })

  test('a cache may lose what it holds when something goes wrong', () => {
    expect(new Chronicle().set(0, 1, 'a').fault(5, 6).get(500, 501, null).problems).toEqual([])
    expect(new Chronicle({ keeps: 'never' }).set(0, 1, 'a').get(500, 501, null).problems).toEqual([])
  })

  test('clients of a node that stands still wait', () => {
    const chronicle = new Chronicle().set(0, 1, 'a')
    chronicle.now = 10
    const goesOn = chronicle.history.pause(NODE)
    chronicle.now = 9000
    goesOn()
    expect(chronicle.get(11, 9100, 'a').problems).toEqual([])
  })

  test('clients of a node that ends lose their connections', () => {
    const chronicle = new Chronicle().get(0, 1, undefined)
    chronicle.history.allowLostConnections(NODE)
    expect(chronicle.problems).toEqual([])
  })
})

describe('is found out', () => {
  test('a value of another key', () => {
    const chronicle = new Chronicle().set(0, 1, 'a', 'OK', 'other').set(0, 1, 'b')
    expect(chronicle.get(500, 501, 'a').problems).toEqual(['a value that was not written to this key'])
  })

  test('a value that nobody has written', () => {
    expect(new Chronicle().get(0, 1, 'a').problems).toEqual(['a value that was not written to this key'])
  })

  test('a value that is written later', () => {
    expect(new Chronicle().get(0, 1, 'a').set(2, 3, 'a').problems).toEqual(['a value before it was written'])
  })

  test('an older value, when word of the newer one has come', () => {
    const chronicle = new Chronicle().set(0, 1, 'a').set(10, 20, 'b')
    expect(chronicle.get(121, 122, 'a').problems).toEqual(['stale'])
  })

  test('an older value after several', () => {
    const chronicle = new Chronicle().set(0, 1, 'a').set(10, 20, 'b').set(30, 40, 'c').set(35, 45, 'd')
    expect(chronicle.get(200, 201, 'b').get(200, 201, 'c').problems).toEqual(['stale'])
  })

  test('an older value, when the fault must have been noticed', () => {
    const chronicle = new Chronicle().set(0, 1, 'a').fault(5, 5000).set(10, 20, 'b')
    expect(chronicle.get(1021, 1022, 'a').problems).toEqual(['stale'])
  })

  test('an older value in a later fault', () => {
    const chronicle = new Chronicle().set(0, 1, 'a').set(10, 20, 'b').fault(2000, 3000)
    expect(chronicle.get(2500, 2501, 'a').problems).toEqual(['stale'])
  })

  test('a value that was deleted', () => {
    expect(new Chronicle().set(0, 1, 'a').del(10, 20).get(121, 122, 'a').problems).toEqual(['stale'])
  })

  test('a value that is gone', () => {
    expect(new Chronicle().set(0, 1, 'a').get(500, 501, null).problems).toEqual(['gone'])
    expect(new Chronicle().del(0, 1).set(2, 3, 'a').get(500, 501, null).problems).toEqual(['gone'])
    const kept = new Chronicle({ keeps: 'always' }).set(0, 1, 'a').fault(5, 6)
    expect(kept.get(5000, 5001, null).problems).toEqual(['gone'])
  })

  test('an operation that takes too long, or has no end', () => {
    expect(new Chronicle().get(0, 5001, null).problems).toEqual(['hung'])
    const failed = new Chronicle({ errors: /^PEERDOWN / }).get(0, 5001, new Error('PEERDOWN gone'))
    expect(failed.problems).toEqual(['hung'])
    const open = new Chronicle()
    open.history.begin('get', 'k', NODE)
    expect(open.problems).toEqual(['hung'])
  })

  test('an error, unless it may come', () => {
    const failed = new Error('ERR internal error')
    expect(new Chronicle().get(0, 1, failed).problems).toEqual(['error'])
    expect(new Chronicle({ errors: /^PEERDOWN / }).set(0, 1, 'a', failed).problems).toEqual(['error'])
  })

  test('a connection that was lost', () => {
    expect(new Chronicle().get(0, 1, undefined).problems).toEqual(['connection lost'])
  })

  test('a few of many problems are told', () => {
    const chronicle = new Chronicle()
    for (let i = 0; i < 10; i++) chronicle.get(i, i + 1, 'a')
    expect(chronicle.history.check()).toHaveLength(4)
    expect(chronicle.history.check().at(-1)).toBe('… and 7 more like these')
  })
})
