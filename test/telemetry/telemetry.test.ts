import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { CommandStats, Telemetry } from '../../src/telemetry/telemetry.ts'
import { argsOf, Harness } from '../support/harness.ts'

const client = new Harness().client
let micros: number
let readings: number
let get: CommandStats
let set: CommandStats
let mget: CommandStats
let telemetry: Telemetry

beforeEach(() => {
  micros = 1000
  readings = 0
  get = new CommandStats('get', { isTimed: false, isFast: true, skipsSlowLog: false })
  set = new CommandStats('set', { isTimed: false, isFast: false, skipsSlowLog: false })
  mget = new CommandStats('mget', { isTimed: true, isFast: true, skipsSlowLog: false })
  telemetry = new Telemetry({
    commands: [get, set, mget],
    micros: () => {
      readings++
      return micros
    },
    instant: new Instant(new ManualClock(1_700_000_000_000)),
  })
})

/** A call of this duration that is timed individually. */
function runTimed(stats: CommandStats, took: number, ...request: string[]): void {
  const startedAt = telemetry.now()
  micros += took
  telemetry.finish(stats, startedAt, client, argsOf(request), [])
}

describe('the time of a chunk', () => {
  test('is divided evenly among its commands, with two clock readings', () => {
    telemetry.beginChunk()
    for (let i = 0; i < 6; i++) telemetry.count(get)
    for (let i = 0; i < 2; i++) telemetry.count(set)
    micros += 16
    telemetry.attributeTime()
    expect(readings).toBe(2)
    expect([get.calls, get.micros, set.calls, set.micros]).toEqual([6, 12, 2, 4])
    expect(get.histogram?.count).toBe(6)
    expect(telemetry.totalCommands).toBe(8)
  })

  test('excludes commands timed individually', () => {
    telemetry.beginChunk()
    telemetry.count(get)
    runTimed(mget, 70, 'MGET', 'a')
    micros += 30
    telemetry.attributeTime()
    expect([mget.calls, mget.micros]).toEqual([1, 70])
    expect([get.calls, get.micros]).toEqual([1, 30])
  })

  test('starts again with each chunk and after each attribution', () => {
    telemetry.beginChunk()
    telemetry.count(get)
    micros += 5
    telemetry.attributeTime()
    telemetry.count(get)
    micros += 7
    telemetry.attributeTime()
    micros += 1000
    telemetry.beginChunk()
    telemetry.count(get)
    micros += 3
    telemetry.attributeTime()
    expect([get.calls, get.micros]).toEqual([3, 15])
  })

  test('is dropped when no command ran', () => {
    telemetry.beginChunk()
    micros += 10
    telemetry.attributeTime()
    expect(telemetry.totalCommands).toBe(0)
  })
})

describe('individual timing', () => {
  test('of every command while the slow log threshold is below 1 ms', () => {
    expect(telemetry.timesAll).toBe(false)
    telemetry.slowerThan = 999
    expect(telemetry.timesAll).toBe(true)
    telemetry.slowerThan = 1000
    expect(telemetry.timesAll).toBe(false)
    telemetry.slowerThan = -1
    expect(telemetry.timesAll).toBe(false)
    telemetry.slowerThan = 0
    expect(telemetry.timesAll).toBe(true)
  })

  test('of every command while latency events are recorded', () => {
    telemetry.eventThreshold = 5
    expect(telemetry.timesAll).toBe(true)
    telemetry.eventThreshold = 0
    expect(telemetry.timesAll).toBe(false)
  })
})

describe('errors', () => {
  test('are counted by code, and as failed calls of the running command', () => {
    telemetry.errorReply('ERR syntax error')
    telemetry.count(get)
    telemetry.errorReply('ERR value is not an integer or out of range')
    telemetry.errorReply('WRONGTYPE Operation against a key holding the wrong kind of value')
    runTimed(mget, 1, 'MGET')
    telemetry.count(get)
    expect([...telemetry.errors]).toEqual([
      ['ERR', 2],
      ['WRONGTYPE', 1],
    ])
    expect(telemetry.errorReplies).toBe(3)
    expect([get.failedCalls, mget.failedCalls]).toEqual([1, 1])
  })

  test('with more than 128 codes are counted as OTHER', () => {
    for (let i = 0; i < 200; i++) telemetry.errorReply(`CODE${i} text`)
    expect(telemetry.errors.size).toBe(129)
    expect(telemetry.errors.get('OTHER')).toBe(72)
  })
})

describe('the slow log', () => {
  const entries = () => telemetry.slowLog.entries

  test('records commands from its threshold on, newest first', () => {
    runTimed(mget, 9_999, 'MGET', 'fast')
    runTimed(mget, 10_000.5, 'MGET', 'slow')
    runTimed(mget, 20_000, 'MGET', 'slower')
    expect(entries().map(({ id, micros, args }) => [id, micros, args.join(' ')])).toEqual([
      [1, 20_000, 'MGET slower'],
      [0, 10_000, 'MGET slow'],
    ])
    expect(entries()[0]).toMatchObject({ second: 1_700_000_000, address: client.address, clientName: '' })
  })

  test('drops the oldest beyond its length, and continues the ids', () => {
    telemetry.slowLog.maxLength = 2
    for (const key of ['a', 'b', 'c']) runTimed(mget, 20_000, 'MGET', key)
    expect(entries().map(({ id }) => id)).toEqual([2, 1])
    telemetry.slowLog.maxLength = 1
    expect(entries().map(({ id }) => id)).toEqual([2])
    telemetry.slowLog.maxLength = 0
    runTimed(mget, 20_000, 'MGET', 'd')
    expect(entries()).toEqual([])
    telemetry.slowLog.maxLength = 10
    runTimed(mget, 20_000, 'MGET', 'e')
    telemetry.slowLog.reset()
    runTimed(mget, 20_000, 'MGET', 'f')
    expect(entries().map(({ id }) => id)).toEqual([5])
  })

  test('records nothing with a negative threshold, nor commands that skip it', () => {
    const silent = new CommandStats('x', { isTimed: true, isFast: false, skipsSlowLog: true })
    runTimed(silent, 20_000, 'X')
    telemetry.slowerThan = -1
    runTimed(mget, 20_000, 'MGET')
    expect(entries()).toEqual([])
  })

  test('truncates as Redis does: 32 arguments, 128 bytes of each', () => {
    runTimed(mget, 20_000, 'MGET', 'x'.repeat(128), 'y'.repeat(130))
    expect(entries()[0].args.map(String)).toEqual([
      'MGET',
      'x'.repeat(128),
      `${'y'.repeat(128)}... (2 more bytes)`,
    ])
    runTimed(mget, 20_000, 'MGET', ...Array.from({ length: 31 }, (_, i) => String(i)))
    expect(entries()[0].args).toHaveLength(32)
    expect(String(entries()[0].args[31])).toBe('30')
    runTimed(mget, 20_000, 'MGET', ...Array.from({ length: 32 }, (_, i) => String(i)))
    expect(entries()[0].args).toHaveLength(32)
    expect(String(entries()[0].args[31])).toBe('... (2 more arguments)')
  })

  test('redacts secrets', () => {
    const startedAt = telemetry.now()
    micros += 20_000
    telemetry.finish(mget, startedAt, client, argsOf(['AUTH', 'user', 'password']), [1, 2])
    expect(entries()[0].args.map(String)).toEqual(['AUTH', '(redacted)', '(redacted)'])
  })
})

describe('latency events', () => {
  test('are recorded from the threshold on, in whole milliseconds', () => {
    telemetry.eventThreshold = 2
    runTimed(mget, 1999, 'MGET')
    expect(telemetry.events.series.size).toBe(0)
    runTimed(mget, 2900, 'MGET')
    runTimed(set, 7000, 'SET')
    expect([...telemetry.events.series]).toEqual([
      ['fast-command', { samples: [{ second: 1_700_000_000, ms: 2 }], max: 2 }],
      ['command', { samples: [{ second: 1_700_000_000, ms: 7 }], max: 7 }],
    ])
  })

  test('have one sample per second, of the longest, and at most 160', () => {
    const { events } = telemetry
    events.threshold = 1
    events.add('command', 5, 1)
    events.add('command', 3, 1)
    events.add('command', 4, 2)
    expect(events.series.get('command')).toEqual({
      samples: [
        { second: 1, ms: 5 },
        { second: 2, ms: 4 },
      ],
      max: 5,
    })
    for (let second = 3; second < 200; second++) events.add('command', 2, second)
    expect(events.series.get('command')?.samples).toHaveLength(160)
    expect(events.series.get('command')?.max).toBe(5)
  })
})

test('a reset clears all counts, unattributed ones too', () => {
  telemetry.beginChunk()
  telemetry.count(get)
  telemetry.errorReply('ERR x')
  telemetry.count(set)
  telemetry.reset()
  expect([get.calls, set.failedCalls, telemetry.totalCommands, telemetry.errorReplies]).toEqual([0, 0, 0, 0])
  expect([get.histogram, telemetry.errors.size]).toEqual([undefined, 0])
  telemetry.count(get)
  micros += 4
  telemetry.attributeTime()
  expect([get.calls, get.micros]).toEqual([1, 4])
})

test('without tracking there are no histograms', () => {
  telemetry.tracksLatency = false
  runTimed(mget, 5, 'MGET')
  expect([mget.calls, mget.histogram]).toEqual([1, undefined])
})
