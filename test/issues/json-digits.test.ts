// Numbers in a JSON file lost digits: 1.10 was served as 1.1, 12345678901234.56789 as 12345678901234.568.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { shapedJson } from '../../src/origin/shape.ts'
import { startNode } from '../support/node.ts'

const WRITTEN: Readonly<Record<string, string>> = {
  price: '1.10',
  exact: '12345678901234.56789',
  big: '12345678901234567890',
  negative: '-0.0',
  exponent: '1E+400',
  small: '1e-7',
  whole: '100',
  yes: 'true',
  no: 'false',
  nested: '{ "price": 1.10, "of": [9007199254740993, 1.0e2, {"deep": 0.30}] }',
  list: '[1.10,\n 2.20]',
  empty: '{}',
}

test('values of a JSON file are served as they are written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-digits-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'prices.json')
  const members = Object.entries(WRITTEN).map(([key, json]) => `"${key}" :  ${json} `)
  writeFileSync(path, `{${members.join(',')}, "text": "1.10 \\"€\\" \\u00e9", "absent": null}`)
  const node = await startNode({ groups: { prices: { origin: { kind: 'file', path } } } })
  onTestFinished(() => node.close())
  for (const [key, json] of Object.entries(WRITTEN)) expect(await node.watcher.get(key)).toBe(json)
  expect(await node.watcher.get('text')).toBe('1.10 "€" é')
  expect(await node.watcher.get('absent')).toBe(null)
  expect(await node.watcher.incrby('whole', 1)).toBe(101)
})

test.each(['{"a": 1e400}', '[["a", "-1e400"]]'])(
  'a score that is too large is an error, not infinite: %s',
  (json) => {
    expect(() => shapedJson(json, 'sortedset')).toThrow(
      /^got the score "-?1e400" for the member "a", wants a number$/,
    )
  },
)
