// The arguments of the benchmarks.

import { expect, test } from 'vitest'
import { PARTS, parseArguments } from '../../bench/arguments.ts'

test('without a name, all benchmarks run', () => {
  expect(parseArguments([])).toEqual({ parts: PARTS, smoke: false, nodes: [] })
  expect(parseArguments(['--smoke'])).toEqual({ parts: PARTS, smoke: true, nodes: [] })
})

test('--node takes the paths behind it, up to the next word that is not a path', () => {
  const nodes = ['/usr/bin/node', '../node-26/bin/node']
  const wanted = { parts: ['server'], smoke: true, nodes }
  expect(parseArguments(['server', '--node', ...nodes, '--smoke'])).toEqual(wanted)
  expect(parseArguments(['--smoke', '--node', ...nodes, 'server'])).toEqual(wanted)
  expect(parseArguments(['--node', nodes[0], '--smoke', '--node', nodes[1]])).toEqual(wanted)
})

test('--traces takes a folder, whatever its name', () => {
  const wanted = { parts: ['eviction'], smoke: false, nodes: [], traces: 'server' }
  expect(parseArguments(['eviction', '--traces', 'server'])).toEqual(wanted)
  expect(parseArguments(['--traces', 'server'])).toEqual(wanted)
})

test.each([
  [['servers'], 'got servers, wants some of micro, server,'],
  [['server', '--fast'], 'got --fast,'],
  [['server', '/usr/bin/node'], 'got /usr/bin/node,'],
  [['server', '--node'], '--node wants paths'],
  [['server', '--node', '--smoke'], '--node wants paths'],
  [['--node', 'server'], '--node wants paths'],
  [['memory', '--node', '/usr/bin/node'], '--node is for the benchmark server only'],
  [['eviction', '--traces'], '--traces wants a folder'],
  [['eviction', '--traces', '--smoke'], '--traces wants a folder'],
  [['memory', '--traces', 'folder'], '--traces is for the benchmark eviction only'],
  [['--node', '/usr/bin/node', '--traces', 'folder'], '--node is for the benchmark server only'],
])('%j is refused', (words, message) => {
  expect(() => parseArguments(words)).toThrow(message)
})
