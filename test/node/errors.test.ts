// OriginError in the embedded API: the message, and the error of the origin as its cause.

import { expect, onTestFinished, test } from 'vitest'
import { BadRequest, type Config, createNode, type Node, OriginError } from '../../src/index.ts'
import { VALUE_TYPES } from '../support/value-types.ts'

type GroupInput = NonNullable<Config['groups']>[string]

async function start(scores: GroupInput): Promise<Node> {
  const node = await createNode({ groups: { scores } })
  onTestFinished(() => node.close())
  return node
}

async function errorOf(call: Promise<unknown>): Promise<OriginError> {
  const error = await call.then(
    () => expect.fail('the call succeeded'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(OriginError)
  return error as OriginError
}

class DatabaseError extends Error {
  readonly code = '42P01'
}

const failure = new DatabaseError('no such table')
const fail = (): never => {
  throw failure
}

test('a load: the cause is the error that the origin threw', async () => {
  const node = await start({ origin: fail })
  const error = await errorOf(node.get('scores', 'Tom'))
  expect(error.message).toBe('scores: no such table')
  expect(error.cause).toBe(failure)
})

test('a load after retries', async () => {
  const node = await start({ origin: fail, originRetries: 2, originBackoff: 1 })
  expect((await errorOf(node.get('scores', 'Tom'))).cause).toBe(failure)
})

test('a batch: the error of the call, or of the key', async () => {
  const ofKey = new DatabaseError('of this key')
  const loadMany = (keys: readonly string[]): Error[] => {
    if (keys.includes('all')) throw failure
    return keys.map(() => ofKey)
  }
  const node = await start({ origin: { load: fail, loadMany } })
  const get = (key: string): Promise<OriginError> => errorOf(node.get('scores', key))
  for (const { cause } of await Promise.all([get('all'), get('Tom')])) expect(cause).toBe(failure)
  for (const { cause } of await Promise.all([get('Jack'), get('Tom')])) expect(cause).toBe(ofKey)
})

test('a value that is not an error, thrown', async () => {
  const node = await start({ origin: () => Promise.reject('text') })
  expect((await errorOf(node.get('scores', 'Tom'))).cause).toBe('text')
})

test('a write: the cause is the error that the origin threw', async () => {
  const refuse = (): never => {
    throw new BadRequest('refused', { cause: failure })
  }
  const node = await start({ write: 'through', origin: { load: () => null, store: refuse, remove: refuse } })
  for (const call of [node.set('scores', 'Tom', '1'), node.delete('scores', 'Tom')]) {
    const { cause } = await errorOf(call)
    expect(cause).toBeInstanceOf(BadRequest)
    expect((cause as Error).cause).toBe(failure)
  }
})

test('start: the cause is the error that the origin threw', async () => {
  const origin = { load: () => null, start: fail }
  const error = await errorOf(createNode({ groups: { scores: { origin } } }))
  expect(error.message).toBe('group scores: no such table')
  expect(error.cause).toBe(failure)
})

test('no cause if the origin did not throw', async () => {
  const slow = await start({ origin: () => new Promise(() => undefined), originTimeout: 1 })
  const late = await errorOf(slow.get('scores', 'Tom'))
  expect([late.message, late.cause]).toEqual(['scores: timed out after 1 ms', undefined])

  const broken = await start({ origin: fail, breakAfter: 1, breakFor: '1h' })
  await errorOf(broken.get('scores', 'Tom'))
  const refused = await errorOf(broken.get('scores', 'Tom'))
  expect(refused.message).toMatch(/^scores: circuit breaker open for \d+ ms/)
  expect(refused.cause).toBeUndefined()

  const odd = await start({ origin: () => 1 as never })
  const wrong = await errorOf(odd.get('scores', 'Tom'))
  expect([wrong.message, wrong.cause]).toEqual([
    `scores: the origin gave a number for "Tom": ${VALUE_TYPES}`,
    undefined,
  ])

  const origin = { load: () => null, store: fail, remove: fail }
  const behind = await start({ write: 'behind', origin })
  const binary = await errorOf(behind.set('scores', Uint8Array.of(0xff), '1'))
  expect(binary.message).toMatch(/^scores: a key that is not UTF-8 cannot be written to the origin: /)
  expect(binary.cause).toBeUndefined()

  const refusing = await start({ write: 'refuse' })
  expect((await errorOf(refusing.set('scores', 'Tom', '1'))).cause).toBeUndefined()
})
