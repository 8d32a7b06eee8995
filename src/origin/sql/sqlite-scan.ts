// The parameters of a SQLite statement, found in its text: not every engine counts them.

/** The properties of a statement that its text reveals without a database. */
export interface ScannedSql {
  /** Whether there is a statement, and more than one. */
  readonly statements: 'none' | 'one' | 'many'
  /** The highest number of a parameter; of `?`, how many there are. */
  readonly parameters: number
  /** Whether parameters are written `?1`, `?2` rather than `?`. */
  readonly isNumbered: boolean
  /** Some are `?` and others `?1`, or some are named: their positions are ambiguous. */
  readonly isMixed: boolean
}

/** Strings, quoted names, comments, parameters; else one character, or a word. */
const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|\?(?<number>\d*)|(?<name>[:@$][\w$\x80-\uffff]+)|(?<end>;)|(?<space>\s+)|[\w$\x80-\uffff]+|[\s\S]/g

const scanned = new Map<string, ScannedSql>()
const MAX_SCANNED = 1000

/** Finds the parameters of a statement (https://sqlite.org/lang_expr.html#varparam). */
export function scanSql(sql: string): ScannedSql {
  const known = scanned.get(sql)
  if (known !== undefined) return known
  let [plain, highest] = [0, 0]
  let [isNamed, isEnded] = [false, false]
  let statements: ScannedSql['statements'] = 'none'
  for (const { groups } of sql.matchAll(TOKEN)) {
    const { comment, number, name, end, space } = groups ?? {}
    if (comment !== undefined || space !== undefined) continue
    if (end !== undefined) {
      isEnded = statements !== 'none'
      continue
    }
    statements = isEnded ? 'many' : 'one'
    if (number === '') plain++
    else if (number !== undefined) highest = Math.max(highest, Number(number))
    else if (name !== undefined) isNamed = true
  }
  const found: ScannedSql = {
    statements,
    parameters: Math.max(plain, highest),
    isNumbered: highest > 0,
    isMixed: isNamed || (plain > 0 && highest > 0),
  }
  if (scanned.size >= MAX_SCANNED) scanned.clear()
  scanned.set(sql, found)
  return found
}
