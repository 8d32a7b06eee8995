// A statement whose parameters have names: `update users set name = :name where id = :key`.

/** The parameter syntax of a database: numbered, or by position. */
export type ParameterStyle = '$1' | '?'

/** A statement for a driver, and the names of its parameters in their order. */
export interface PlacedStatement {
  readonly sql: string
  readonly names: readonly string[]
}

interface Token {
  readonly text: string
  /** Of a parameter. */
  readonly name?: string
  /** Parentheses around it. */
  readonly depth: number
}

/** Assignments of an UPDATE: the tokens from the first to the one before `end`. */
interface Assignments {
  readonly start: number
  readonly end: number
}

/** Strings, quoted names, comments, casts and assignments (`::`, `:=`), parameters; else a word, or one character. */
const TOKEN =
  /[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$|::|:=|:(?<name>[A-Za-z_]\w*)|\w+|[\s\S]/g

/** What follows the assignments of an UPDATE. */
const AFTER_ASSIGNMENTS = /^(?:where|from|returning|order|limit)$/i

export class NamedStatement {
  /** Each name once. */
  readonly names: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  readonly #assignments: Assignments | undefined

  constructor(sql: string) {
    const tokens: Token[] = []
    let depth = 0
    for (const { 0: text, groups } of sql.matchAll(TOKEN)) {
      if (text === ')') depth--
      const name = groups?.name
      tokens.push(name === undefined ? { text, depth } : { text, name, depth })
      if (text === '(') depth++
    }
    this.#tokens = tokens
    this.names = new Set(tokens.flatMap(({ name }) => name ?? []))
    this.#assignments = assignmentsOf(tokens)
  }

  /**
   * The statement for a driver. Of the assignments of an UPDATE, those are left out that have parameters, none of which
   * is needed.
   */
  placed(style: ParameterStyle, isNeeded: (name: string) => boolean): PlacedStatement {
    const names: string[] = []
    let sql = ''
    for (const { text, name } of this.#without(isNeeded)) {
      if (name === undefined) {
        sql += text
        continue
      }
      const known = style === '$1' ? names.indexOf(name) : -1
      if (known < 0) names.push(name)
      sql += style === '$1' ? `$${known < 0 ? names.length : known + 1}` : '?'
    }
    return { sql, names }
  }

  #without(isNeeded: (name: string) => boolean): readonly Token[] {
    const tokens = this.#tokens
    if (this.#assignments === undefined) return tokens
    const { start, end } = this.#assignments
    const kept = separated(tokens.slice(start, end)).filter((assignment) => {
      const named = assignment.filter(({ name }) => name !== undefined)
      return named.length === 0 || named.some(({ name = '' }) => isNeeded(name))
    })
    if (kept.length === 0) return tokens
    const assignments = kept.flatMap((each, i) => (i === 0 ? each : [COMMA, ...each]))
    // Spaces, in case the assignments that are left had none around them.
    return [...tokens.slice(0, start), SPACE, ...assignments, SPACE, ...tokens.slice(end)]
  }
}

const COMMA: Token = { text: ',', depth: 0 }
const SPACE: Token = { text: ' ', depth: 0 }

/** Undefined: it is no UPDATE. */
function assignmentsOf(tokens: readonly Token[]): Assignments | undefined {
  const isWord = ({ text, depth }: Token, word: RegExp): boolean => depth === 0 && word.test(text)
  const first = tokens.find(({ text }) => /^\w/.test(text))
  if (first === undefined || !isWord(first, /^update$/i)) return undefined
  const set = tokens.findIndex((token) => isWord(token, /^set$/i))
  if (set < 0) return undefined
  const after = tokens.findIndex((token, i) => i > set && isWord(token, AFTER_ASSIGNMENTS))
  return { start: set + 1, end: after < 0 ? tokens.length : after }
}

/** The tokens between commas that are not in parentheses. */
function separated(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    if (token.text === ',' && token.depth === 0) parts.push([])
    else parts[parts.length - 1].push(token)
  }
  return parts
}
