// Finds the column that a query compares with its parameter, so that a row can be asked which key it has.

/*
 * A database may find the row of key 1 by '1abc' (MySQL), ' 1' or '1.0' (SQLite), and the row of 'Tom' by 'tom' (by the
 * column's collation). A row has one key, the text of its column: a row that was found by another text is not the key's.
 */

type Kind = 'string' | 'quoted' | 'parameter' | 'word' | 'other'

interface Token {
  readonly text: string
  readonly kind: Kind
  readonly start: number
  readonly depth: number
}

const TOKEN =
  /(?<skipped>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)|(?<parameter>\?\d*|\$\d+)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|<=>|==|::|\|\||[\s\S]/gu

const EQUALS = new Set(['=', '==', '<=>', 'is'])
/** What is before such a comparison, and what is behind it. */
const BEFORE = new Set(['where', 'and', 'on'])
const BEHIND = new Set([
  '',
  ';',
  'and',
  'limit',
  'order',
  'group',
  'having',
  'for',
  'lock',
  'offset',
  'fetch',
])
/** With these a row need not fulfil the comparison, or there are several lists of columns. */
const UNSUITABLE = new Set(['or', 'xor', 'union', 'intersect', 'except', 'minus', 'into'])

/** The query with the key's column behind its own columns; undefined where no column is compared with the parameter. */
export function keyedQuery(sql: string): string | undefined {
  // Backslashes before quotes, and dollar quotes, end strings elsewhere in some databases.
  if (/\\['"`]|\$[\p{L}_]*\$/u.test(sql)) return undefined
  const tokens = simplified(tokensOf(sql))
  const column = comparedColumn(tokens)
  const selects = tokens.filter(({ text, depth }) => depth === 0 && text === 'select')
  if (column === undefined || selects.length !== 1) return undefined
  const from = tokens.find(
    ({ text, depth, start }, i) =>
      depth === 0 && text === 'from' && start > selects[0].start && tokens[i - 1].text !== 'distinct',
  )
  if (from === undefined || from.start > column.start) return undefined
  const written = sql.slice(column.start, column.end)
  return `${sql.slice(0, from.start)}, ${written} ${sql.slice(from.start)}`
}

function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let depth = 0
  for (const { 0: written, index, groups = {} } of sql.matchAll(TOKEN)) {
    if (groups.skipped !== undefined) continue
    const kind = (['string', 'quoted', 'parameter', 'word'] as const).find(
      (each) => groups[each] !== undefined,
    )
    if (written === ')') depth--
    tokens.push({
      text: kind === 'word' ? written.toLowerCase() : written,
      kind: kind ?? 'other',
      start: index,
      depth,
    })
    if (written === '(') depth++
  }
  return tokens
}

/**
 * The tokens without parentheses that change nothing: around a column, a parameter or a comparison; and with `=` for an
 * IN with one parameter.
 */
function simplified(tokens: readonly Token[]): readonly Token[] {
  for (const [open, { text, depth }] of tokens.entries()) {
    if (text !== '(') continue
    const close = tokens.findIndex((token, i) => i > open && token.text === ')' && token.depth === depth)
    if (close < 0) return tokens
    const inside = tokens.slice(open + 1, close)
    const before = tokens[open - 1]?.text ?? ''
    const isOne = inside.length === 1 && inside[0].kind === 'parameter'
    const isList = isOne && before === 'in'
    if (!isList && !isRedundant(inside, before, tokens[close + 1]?.text ?? '')) continue
    const start = isList ? open - 1 : open
    const kept = inside.map((token) => ({ ...token, depth: token.depth - 1 }))
    const equals: readonly Token[] = isList ? [{ ...tokens[start], text: '=', kind: 'other' }] : []
    return simplified([...tokens.slice(0, start), ...equals, ...kept, ...tokens.slice(close + 1)])
  }
  return tokens
}

/** Whether parentheses around these tokens may be left out. */
function isRedundant(inside: readonly Token[], before: string, after: string): boolean {
  if (inside.length === 0) return false
  const isOperand = isColumn(inside) || (inside.length === 1 && inside[0].kind === 'parameter')
  if (isOperand) return BEFORE.has(before) || EQUALS.has(before) || before === '('
  const [{ text: first, depth: own }] = inside
  const isOneCondition = !inside.some(
    ({ text, depth }) => depth === own && (text === ',' || UNSUITABLE.has(text)),
  )
  return BEFORE.has(before) && (BEHIND.has(after) || after === ')') && first !== 'select' && isOneCondition
}

/** Whether these are a name, possibly with those of its table and schema. */
function isColumn(tokens: readonly Token[]): boolean {
  return (
    tokens.length % 2 === 1 &&
    tokens.every(({ kind, text }, i) => (i % 2 === 1 ? text === '.' : kind === 'word' || kind === 'quoted'))
  )
}

/** Where the column stands in the text, if every row of the query has the parameter as its value. */
function comparedColumn(tokens: readonly Token[]): { start: number; end: number } | undefined {
  const places = tokens.flatMap(({ kind }, i) => (kind === 'parameter' ? [i] : []))
  if (places.length !== 1) return undefined
  let [first, last] = [places[0], places[0]]
  const textAt = (i: number): string => tokens[i]?.text ?? ''
  const call = `${textAt(first - 2)}${textAt(first - 1)} ${textAt(last + 1)}`
  if (call === 'cast( as' || call === 'convert( ,') {
    last = tokens.findIndex(
      ({ text, depth }, i) => i > last && text === ')' && depth === tokens[first - 2].depth,
    )
    first -= 2
  } else if (textAt(last + 1) === '::' && tokens[last + 2]?.kind === 'word') last += 2
  if (tokens[first].depth !== 0 || last < 0) return undefined

  let [start, end] = [first - 2, last + 2]
  let column: readonly [first: number, last: number]
  if (EQUALS.has(textAt(first - 1))) {
    while (textAt(start - 1) === '.') start -= 2
    column = [start, first - 2]
    end = last
  } else if (EQUALS.has(textAt(last + 1))) {
    while (textAt(end + 1) === '.') end += 2
    column = [last + 2, end]
    start = first
  } else return undefined
  if (!isColumn(tokens.slice(column[0], column[1] + 1))) return undefined
  if (!BEFORE.has(textAt(start - 1)) || !BEHIND.has(textAt(end + 1))) return undefined
  const isUnsuitable = tokens.some(
    ({ text, kind, depth }, i) =>
      depth === 0 && ((kind === 'word' && UNSUITABLE.has(text)) || (text === '||' && i > start)),
  )
  if (isUnsuitable) return undefined
  const tail = tokens[column[1]]
  return { start: tokens[column[0]].start, end: tail.start + tail.text.length }
}
