// One query for many keys: which row is whose, and what becomes of keys that the database refuses.

import { isBadRequest, type OriginValue } from '../../group/origin.ts'
import { cellText } from './cell.ts'
import { type Driver, type Parameter, type Rows, StatementError, worded } from './driver.ts'
import { type RowReader, SeveralRows } from './row-reader.ts'

/** By the text of a parameter. */
export type Found = ReadonlyMap<string, OriginValue | Error>

/** What is odd takes statements one after the other, and so no more connections than what is not. */
export class Batch {
  readonly #driver: Driver
  readonly #reader: RowReader
  readonly #signal: AbortSignal

  constructor(driver: Driver, reader: RowReader, signal: AbortSignal) {
    this.#driver = driver
    this.#reader = reader
    this.#signal = signal
  }

  /** A key that the database refuses does not make the others fail: they are halved until it is alone. */
  async find(parameters: readonly Parameter[]): Promise<Found> {
    let rows: Rows
    try {
      rows = await this.#driver.many(parameters, this.#signal)
    } catch (error) {
      if (!(error instanceof StatementError && error.ofParameter)) throw worded(error)
      if (parameters.length === 1) return new Map([[String(parameters[0]), worded(error)]])
      return this.#findHalves(parameters)
    }
    return this.#assign(parameters, rows)
  }

  async #findHalves(parameters: readonly Parameter[]): Promise<Found> {
    const half = parameters.length >> 1
    const first = await this.find(parameters.slice(0, half))
    return new Map([...first, ...(await this.find(parameters.slice(half)))])
  }

  /**
   * A database may take texts for equal that are not ('Tom' and 'tom', 7 and 07). It is asked alone for each key that is
   * equal to that of a row by our own rule; if a row still is nobody's, it is one of the other keys'.
   */
  async #assign(parameters: readonly Parameter[], { columns, rows }: Rows): Promise<Found> {
    const found = new Map<string, OriginValue | Error>(parameters.map((item) => [String(item), undefined]))
    const folded = new Set<string>()
    const strangers = new Set<string>()
    for (const row of rows) {
      const name = cellText(row[0])
      folded.add(fold(name))
      if (!found.has(name)) strangers.add(fold(name))
      else if (found.get(name) !== undefined) found.set(name, new SeveralRows())
      else found.set(name, this.#reader.value(columns, row, 1))
    }
    const missing = parameters.filter((item) => found.get(String(item)) === undefined)
    const others: Parameter[] = []
    for (const item of missing) {
      const name = fold(String(item))
      if (!folded.has(name)) others.push(item)
      else found.set(String(item), await this.#findOne(item))
      strangers.delete(name)
    }
    if (strangers.size === 0) return found
    // Few of many are found by halves, many of few one by one.
    if (strangers.size * 8 >= others.length)
      for (const item of others) found.set(String(item), await this.#findOne(item))
    else for (const [name, value] of await this.#findHalves(others)) found.set(name, value)
    return found
  }

  async #findOne(parameter: Parameter): Promise<OriginValue | Error> {
    try {
      return this.#reader.only(await this.#driver.one(parameter, this.#signal))
    } catch (error) {
      const reason = worded(error)
      if (error instanceof SeveralRows || isBadRequest(reason)) return reason
      throw reason
    }
  }
}

/** The same for texts that some collation or type takes for equal. */
function fold(text: string): string {
  // Some letters are two in upper case, or one that others share.
  const letters = text.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase().toLowerCase()
  return letters.trim().replace(/^0+(?=\d)/, '')
}
