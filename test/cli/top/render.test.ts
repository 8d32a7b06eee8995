// The screen of `erinys top`.

import { expect, test } from 'vitest'
import { screenOf, type Watched } from '../../../src/cli/top/render.ts'
import { fieldsOf, type NodeSample, readNode } from '../../../src/cli/top/sample.ts'
import { Harness } from '../../support/harness.ts'

const options = { columns: 160, rows: undefined, time: new Date(2024, 0, 1, 12, 30, 5), hasColor: false }

/** Reads a harness as `erinys top` reads a node. */
function read(harness: Harness, at: number): Promise<NodeSample> {
  const call = async (...args: [string, ...string[]]): Promise<unknown> => {
    const reply = await harness.call(...args)
    if (reply instanceof Error) throw Object.assign(reply, { name: 'ReplyError' })
    return reply
  }
  return readNode('127.0.0.1:7000', { call }, () => at, false)
}

const groups = {
  'a,b=c': { origin: (key: string) => key },
  cache: {},
}

async function twoSamples(): Promise<Watched> {
  const harness = new Harness({ groups })
  const before = await read(harness, 0)
  await harness.call('GET', 'Tom')
  for (let i = 0; i < 3; i++) await harness.call('GET', 'Tom')
  harness.host.telemetry.attributeTime()
  const now = await read(harness, 2000)
  return { address: '127.0.0.1:7000', before, now, problem: undefined }
}

/** The cells of the line that begins with a word, by the titles above it. */
function cellsOf(lines: readonly string[], title: string, first: string): Record<string, string> {
  const head = lines.findIndex((line) => line.startsWith(title))
  const line = lines.slice(head).find((each) => each.startsWith(first))
  const split = (text: string): string[] => text.trim().split(/ {2,}/)
  const cells = split(line ?? '')
  return Object.fromEntries(split(lines[head]).map((name, i) => [name, cells[i]]))
}

test('reads, loads and contents of a group', async () => {
  const lines = screenOf([await twoSamples()], options)
  expect(lines[0]).toMatch(/^erinys \S+ · 127\.0\.0\.1:7000 +12:30:05$/)
  expect(cellsOf(lines, 'GROUP', 'a,b=c')).toMatchObject({
    'READS/S': '2.0',
    HITS: '75.0 %',
    'LOADS/S': '0.5',
    'FAILED/S': '0',
    KEYS: '1',
  })
})

test('before the second sample there are no rates', async () => {
  const { now, ...rest } = await twoSamples()
  const lines = screenOf([{ ...rest, now, before: undefined }], options)
  expect(lines.join('\n')).not.toContain('NaN')
  expect(lines.some((line) => line.startsWith('a,b=c'))).toBe(true)
})

test('a node that does not answer is shown with the reason', async () => {
  const silent = {
    address: '10.0.0.9:7000',
    before: undefined,
    now: undefined,
    problem: 'connect ECONNREFUSED',
  }
  const lines = screenOf([await twoSamples(), silent], options)
  expect(lines[0]).toContain('2 nodes')
  expect(lines.some((line) => /^10\.0\.0\.9:7000 +connect ECONNREFUSED$/.test(line))).toBe(true)
})

test('lines and screens are cut to the terminal, and nothing moves its cursor', async () => {
  const watched = await twoSamples()
  const hotKeys = [{ group: 'cache', key: '\x1b[2Jevil\n', rate: 12_345, percent: 40, node: 'self' }]
  const now = { ...watched.now!, hotKeys }
  const lines = screenOf([{ ...watched, now }], { ...options, columns: 60, rows: 12 })
  expect(lines.length).toBeLessThanOrEqual(12)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60)
  const whole = screenOf([{ ...watched, now }], options).join('\n')
  expect(whole).toContain('?[2Jevil?')
  expect(whole).toContain('12.3k')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(whole).not.toMatch(/[\x00-\x09\x0b-\x1f]/)
})

test('a part that the user may not read is left out', async () => {
  const sample = await readNode(
    'a:1',
    {
      call: async (name) => {
        if (name === 'INFO') return 'run_id:1\r\n# Groups\r\ngroup0:name=x,keys=1,hits=2\r\n'
        throw Object.assign(new Error('NOPERM'), { name: 'ReplyError' })
      },
    },
    () => 0,
    false,
  )
  expect(sample.groups).toMatchObject([{ name: 'x', figures: { keys: 1, hits: 2 } }])
  expect([sample.hotKeys, sample.slow]).toEqual([[], []])
})

test('fields of INFO', () => {
  expect(fieldsOf('# Server\r\nredis_version:7\r\nexecutable:/a:b\r\n\r\n')).toEqual({
    redis_version: '7',
    executable: '/a:b',
  })
})
