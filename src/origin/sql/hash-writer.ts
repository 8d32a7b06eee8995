// Writes hashes to rows: the parameters of the statement have the names of fields.

import { BadRequest, type StoreChange, type StoredCollection } from '../../group/origin.ts'
import { showKey } from '../../group/result.ts'
import { type Change, type ChangeValue, type Driver, type Parameter, StatementError } from './driver.ts'
import { NamedStatement, type ParameterStyle } from './named-statement.ts'

/** The name of the parameter that is the key, as `query` has it. */
const KEY = 'key'

/** UPDATEs are prepared for each set of fields that changes together; the most that are kept. */
const MAX_PREPARED = 100

export class HashWriter {
  readonly #statement: NamedStatement
  readonly #style: ParameterStyle
  readonly #driver: Driver
  readonly #prepared = new Map<string, Change>()

  private constructor(statement: NamedStatement, style: ParameterStyle, driver: Driver) {
    this.#statement = statement
    this.#style = style
    this.#driver = driver
  }

  /**
   * @param columns of the query: the fields
   * @throws StatementError for a statement that the database rejects, or whose parameters do not fit
   */
  static async prepare(
    sql: string,
    style: ParameterStyle,
    columns: readonly string[],
    driver: Driver,
    signal: AbortSignal,
  ): Promise<HashWriter> {
    const statement = new NamedStatement(sql)
    const { names } = statement
    const other = [...names].find((name) => name !== KEY && !columns.includes(name))
    if (other !== undefined)
      refuse(`:${other} is not a column of query, whose columns are ${columns.join(', ')}`)
    if (!names.has(KEY) || names.size === 1)
      refuse(`as: 'hash' wants parameters with names: :key, and those of fields, such as :${columns[0]}`)
    const writer = new HashWriter(statement, style, driver)
    await writer.#change(() => true, signal)
    return writer
  }

  /** @throws BadRequest for a change that the statement does not write, or when it changes no row */
  async write(
    key: Parameter,
    stored: StoredCollection,
    change: StoreChange | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (!(stored instanceof Map)) throw new BadRequest("the origin stores hashes only, by as: 'hash'")
    const fields: ReadonlyMap<string, Buffer> = stored
    const isKnown = change !== undefined && 'set' in change
    const changed = new Set(isKnown ? [...change.set.keys(), ...change.removed] : fields.keys())
    const { names } = this.#statement
    const unwritten = [...changed].find((field) => field === KEY || !names.has(field))
    if (unwritten !== undefined) {
      const written = [...names].filter((name) => name !== KEY).join(', ')
      throw new BadRequest(
        `writeQuery has no parameter for the field ${showKey(unwritten)}: it writes ${written}`,
      )
    }
    // Of a hash that is written as a whole, the fields that it does not have any more are NULL.
    const run = await this.#change((name) => !isKnown || changed.has(name), signal)
    const valueFor = (name: string): ChangeValue => (name === KEY ? key : (fields.get(name) ?? null))
    if ((await run(valueFor, signal)) === 0)
      throw new BadRequest(
        'writeQuery has changed no row: use a statement that also inserts, if there may be none',
      )
  }

  /** The statement for a change of these fields, prepared. */
  async #change(isChanged: (name: string) => boolean, signal: AbortSignal): Promise<NamedChange> {
    const { sql, names } = this.#statement.placed(this.#style, isChanged)
    let change = this.#prepared.get(sql)
    if (change === undefined) {
      change = await this.#driver.prepare(sql, names.length, signal)
      if (this.#prepared.size >= MAX_PREPARED) this.#prepared.clear()
      this.#prepared.set(sql, change)
    }
    const run = change
    return (valueFor, until) => run(names.map(valueFor), until)
  }
}

type NamedChange = (valueFor: (name: string) => ChangeValue, signal: AbortSignal) => Promise<number>

function refuse(message: string): never {
  throw new StatementError(message, false, undefined)
}
