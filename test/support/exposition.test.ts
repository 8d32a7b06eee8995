import { expect, test } from 'vitest'
import { parseExposition, sampled } from './exposition.ts'

test('reads what is right', () => {
  const text = [
    '# HELP a_total Some.',
    '# TYPE a_total counter',
    'a_total{x="\\"quoted\\" \\\\ and\\n",y=""} 5',
    'a_total 1e+3',
    '',
  ]
  const families = parseExposition(text.join('\n'), 'prometheus')
  expect(sampled(families, 'a_total', { x: '"quoted" \\ and\n' })).toBe(5)
  expect(families.get('a_total')?.samples[1]).toEqual({ name: 'a_total', labels: {}, value: 1000 })
})

const head = '# HELP a A.\n# TYPE a gauge\n'
const histogram = '# HELP h H.\n# TYPE h histogram\n'

test.each([
  ['no end of line', `${head}a 1`, 'the last line has no end'],
  ['no help', '# TYPE a gauge\na 1\n', 'a: no HELP'],
  ['no type', '# HELP a A.\na 1\n', 'a: type '],
  ['an unknown type', '# HELP a A.\n# TYPE a thing\na 1\n', 'a: type thing'],
  ['a sample without a head', `${head}a 1\nb 1\n`, 'a sample without a head: b 1'],
  ['a series twice', `${head}a{x="1",y="2"} 1\na{y="2",x="1"} 1\n`, 'twice: a{y'],
  ['a label twice', `${head}a{x="1",x="2"} 1\n`, 'a label: a{x'],
  ['a quote that is not escaped', `${head}a{x="a"b"} 1\n`, 'after x: a{x'],
  ['a value that is none', `${head}a one\n`, 'the value: a one'],
  ['lines that are apart', `${head}a 1\n# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a A.\n`, 'not together'],
  ['a counter without _total', '# HELP a A.\n# TYPE a counter\na 1\n', 'a: _total'],
  ['another unit', '# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n', 'a_ms: not a base unit'],
  ['no +Inf', `${histogram}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`, 'h: no +Inf'],
  ['another count', `${histogram}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`, 'h: _count'],
  [
    'buckets that are not cumulative',
    `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    'h: buckets are not cumulative',
  ],
])('refuses %s', (_, text, message) => {
  expect(() => parseExposition(text, 'prometheus')).toThrow(message)
})

test('OpenMetrics ends with EOF, and names families without suffixes', () => {
  const family = '# TYPE a counter\n# HELP a A.\na_total 1\n'
  expect(parseExposition(`${family}# EOF\n`, 'openmetrics').get('a')?.samples).toHaveLength(1)
  expect(() => parseExposition(family, 'openmetrics')).toThrow('no # EOF at the end')
  expect(() => parseExposition(`${family.replace('a_total', 'a')}# EOF\n`, 'openmetrics')).toThrow(
    'without a head',
  )
})
