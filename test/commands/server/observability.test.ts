// SLOWLOG and LATENCY: the replies. What is recorded is tested in test/telemetry.

import { beforeEach, describe, expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

const error = (message: string) => ({ name: 'ReplyError', message })

let harness: Harness
beforeEach(() => {
  harness = new Harness({ now: 1_700_000_000_000 })
})

/** A command during which time passes. */
async function slow(ms: number, ...command: string[]): Promise<void> {
  const { clock, host } = harness
  const { errorReply } = host.telemetry
  host.telemetry.errorReply = (text) => {
    clock.advance(ms)
    errorReply.call(host.telemetry, text)
  }
  await harness.call(...command)
  host.telemetry.errorReply = errorReply
}

describe('SLOWLOG', () => {
  test('GET, LEN and RESET', async () => {
    await harness.call('CLIENT', 'SETNAME', 'me')
    for (const key of ['a', 'b', 'c']) await slow(12, 'LCS', key)
    await slow(12, 'CONFIG', 'SET', 'x', 'y')
    await slow(20, 'CLIENT', 'KILL', 'nobody')
    await slow(5, 'CLIENT', 'KILL', 'somebody')
    expect(await harness.call('SLOWLOG', 'LEN')).toBe(2)
    const args = ['CLIENT', 'KILL', 'nobody']
    expect(await harness.call('SLOWLOG', 'GET', 1)).toEqual([
      [1, 1_700_000_000, 20_000, args, harness.client.address, 'me'],
    ])
    expect(await harness.call('SLOWLOG', 'GET')).toHaveLength(2)
    expect(await harness.call('SLOWLOG', 'GET', -1)).toHaveLength(2)
    expect(await harness.call('SLOWLOG', 'GET', 0)).toEqual([])
    expect(await harness.call('SLOWLOG', 'RESET')).toBe('OK')
    expect(await harness.call('SLOWLOG', 'LEN')).toBe(0)
  })

  test('GET returns ten entries by default', async () => {
    harness.host.telemetry.slowerThan = 0
    for (let i = 0; i < 15; i++) await harness.call('PING')
    expect(await harness.call('SLOWLOG', 'GET')).toHaveLength(10)
    expect(await harness.call('SLOWLOG', 'GET', 12)).toHaveLength(12)
    expect(await harness.call('SLOWLOG', 'GET', -1)).toHaveLength(17)
  })

  test('rejects invalid counts', async () => {
    for (const count of ['x', '-2', '1.5', '']) {
      expect(await harness.call('SLOWLOG', 'GET', count)).toMatchObject(
        error('ERR count should be greater than or equal to -1'),
      )
    }
  })
})

describe('LATENCY', () => {
  beforeEach(() => harness.call('CONFIG', 'SET', 'latency-monitor-threshold', '10'))

  test('LATEST, HISTORY and RESET', async () => {
    await slow(15, 'CLIENT', 'KILL', 'nobody')
    harness.clock.advance(1000)
    await slow(25, 'CLIENT', 'KILL', 'nobody')
    await slow(9, 'CLIENT', 'KILL', 'nobody')
    await slow(11, 'PING', 'a', 'b')
    expect(await harness.call('LATENCY', 'LATEST')).toEqual([
      ['command', 1_700_000_001, 25, 25],
      ['fast-command', 1_700_000_001, 11, 11],
    ])
    expect(await harness.call('LATENCY', 'HISTORY', 'command')).toEqual([
      [1_700_000_000, 15],
      [1_700_000_001, 25],
    ])
    expect(await harness.call('LATENCY', 'HISTORY', '__proto__')).toEqual([])
    expect(await harness.call('LATENCY', 'RESET', 'nosuch', 'command')).toBe(1)
    expect(await harness.call('LATENCY', 'RESET')).toBe(1)
    expect(await harness.call('LATENCY', 'LATEST')).toEqual([])
  })

  test('GRAPH and DOCTOR', async () => {
    expect(await harness.call('LATENCY', 'GRAPH', 'command')).toMatchObject(
      error("ERR No samples available for event 'command'"),
    )
    expect(await harness.call('LATENCY', 'DOCTOR')).toBe(
      'No event took 10 ms or longer since the last reset.\n',
    )
    for (const ms of [10, 20, 40, 30]) {
      await slow(ms, 'CLIENT', 'KILL', 'nobody')
      harness.clock.advance(30_000)
    }
    expect(await harness.call('LATENCY', 'GRAPH', 'command')).toBe(
      [
        'command - high 40 ms, low 10 ms (all time high 40 ms)',
        '-'.repeat(80),
        '  #',
        '  |o',
        ' o||',
        '_|||',
        '',
        '2113',
        'mmm0',
        '   s',
        '',
      ].join('\n'),
    )
    expect(await harness.call('LATENCY', 'DOCTOR')).toMatch(
      /^1\. command: 4 latency spikes \(average 25ms, worst 40ms\)\.\n\nAdvice:\n- /,
    )
    for (const kind of ['load', 'store'] as const)
      harness.host.telemetry.originCalled(kind, 'scores', Buffer.from('Tom'), 40_000)
    const report = await harness.call('LATENCY', 'DOCTOR')
    expect(report).toMatch(/^2\. origin-load: 1 latency spikes/m)
    expect(String(report).split('Advice:\n')[1].match(/^- /gm)).toHaveLength(3)
    await harness.call('CONFIG', 'SET', 'latency-monitor-threshold', '0')
    expect(await harness.call('LATENCY', 'DOCTOR')).toMatch(/^Latency monitoring is disabled/)
  })

  test('HISTOGRAM of all commands, of some, of a container', async () => {
    await harness.call('SET', 'a', '1')
    await harness.call('SET', 'a', '1')
    await harness.call('CLIENT', 'ID')
    const zero = (calls: number) => ['calls', calls, 'histogram_usec', [1, calls]]
    expect(await harness.call('LATENCY', 'HISTOGRAM', 'SET', 'nosuch')).toEqual(['set', zero(2)])
    expect(await harness.call('LATENCY', 'HISTOGRAM', 'client')).toEqual(['client|id', zero(1)])
    const all = (await harness.call('LATENCY', 'HISTOGRAM')) as unknown[]
    expect(all.filter((each) => typeof each === 'string').sort()).toEqual([
      'client|id',
      'config|set',
      'latency|histogram',
      'set',
    ])
  })
})
