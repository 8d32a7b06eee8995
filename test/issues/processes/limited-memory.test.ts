// A node whose memory is limited by `ulimit -v` took its budgets from the machine's memory, and died when they filled up.

import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { freeWithinLimits } from '../../../src/server/process-limits.ts'
import { type Running, run, start } from '../../support/cli.ts'
import { compiledProgram } from '../../support/compiled.ts'

const MB = 2 ** 20
/** Two fifths of it are what V8 reserves. */
const LIMIT = 2000 * MB
const VALUE = Buffer.alloc(MB, 'v')

let node: Running | undefined
let client: Redis | undefined
afterEach(() => {
  client?.disconnect()
  node?.child.kill('SIGKILL')
})

function limitedTo(bytes: number): [string, ...string[]] {
  return ['/bin/sh', '-c', `ulimit -v ${bytes / 1024}; exec "$0" "$@"`, ...compiledProgram()]
}

test('the default budgets fit, and the node serves when they are full', async () => {
  node = await start([], { program: limitedTo(LIMIT) })
  client = new Redis(node.port, '127.0.0.1', { db: 1 })
  const budget = Number(((await client.config('GET', 'maxmemory')) as string[])[1])
  expect(budget).toBeGreaterThan(10 * MB)
  expect(budget).toBeLessThan(LIMIT / 4)
  const values = Math.ceil((1.1 * budget) / VALUE.length)
  for (let i = 0; i < values; i++) await client.set(`key:${i}`, VALUE)
  expect(await client.getBuffer(`key:${values - 1}`)).toEqual(VALUE)
  expect(await client.info('stats')).toMatch(/evicted_keys:[1-9]/)
})

test('budgets that do not fit give a one-line error', async () => {
  const { code, stderr } = await run(['start', '--port', '0', '--maxmemory', '2gb'], {
    program: limitedTo(LIMIT),
  })
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^erinys: the budgets of the groups are [\d.]+gb together, and there are [\d.]+[mg]b of memory here: .+\n$/,
  )
})

const limits = (space: string, data: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \n` +
  `Max data size             ${data}            unlimited            bytes     \n` +
  `Max address space         ${space}            unlimited            bytes     \n`
/** Of 1,000 pages 300 are data. */
const STATM = '1000 500 200 50 0 300 0\n'

test.each([
  ['no limits', limits('unlimited', 'unlimited'), STATM, Number.POSITIVE_INFINITY],
  ['of the address space', limits('8192000', 'unlimited'), STATM, 4_096_000],
  ['of data', limits('8192000', '2048000'), STATM, 819_200],
  ['one that is exceeded', limits('4000000', 'unlimited'), STATM, 0],
  ['no files', '', '', Number.POSITIVE_INFINITY],
])('what is left by limits: %s', (_, text, statm, left) => {
  expect(freeWithinLimits(text, statm)).toBe(left)
})
