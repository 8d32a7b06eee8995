// One query for many keys: assigns rows to keys, and isolates keys that the database rejects.

import { isBadRequest, type OriginValue } from '../../group/origin.ts'
import type { Cell } from './cell.ts'
import { type Driver, keyTextOf, type Parameter, type Rows, StatementError, worded } from './driver.ts'
import { type RowReader, WrongRows } from './row-reader.ts'

/** Results by the text of the parameter. */
export type Found = ReadonlyMap<string, OriginValue | Error>

/** The extra statements run one after the other, so that a batch never uses more than one connection. */
export class Batch {
  readonly #driver: Pick<Driver, 'one' | 'many'>
  readonly #reader: RowReader
  readonly #signal: AbortSignal

  constructor(driver: Pick<Driver, 'one' | 'many'>, reader: RowReader, signal: AbortSignal) {
    this.#driver = driver
    this.#reader = reader
    this.#signal = signal
  }

  /** One rejected key must not fail the others: the batch is bisected until it is isolated. */
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
   * A database may treat different texts as equal ('Tom' and 'tom', 7 and 07). Each key that may equal a row's key is
   * then queried alone; a row that still matches no key belongs to one of the others.
   */
  async #assign(parameters: readonly Parameter[], batch: Rows): Promise<Found> {
    const { columns, rows } = batch
    const found = new Map<string, OriginValue | Error>(parameters.map((item) => [String(item), undefined]))
    const rowsOf = new Map<string, (readonly Cell[])[]>()
    const folded = new Set<string>()
    const unmatched = new Set<string>()
    for (const [i, row] of rows.entries()) {
      const name = keyTextOf(batch, i, 0) ?? ''
      const others = rowsOf.get(name)
      if (others !== undefined) {
        others.push(row)
        continue
      }
      folded.add(fold(name))
      if (!found.has(name)) unmatched.add(fold(name))
      else rowsOf.set(name, [row])
    }
    for (const [name, own] of rowsOf) found.set(name, this.#reader.batched(columns, own))
    const missing = parameters.filter((item) => found.get(String(item)) === undefined)
    const others: Parameter[] = []
    for (const item of missing) {
      const name = fold(String(item))
      if (!folded.has(name)) others.push(item)
      else found.set(String(item), await this.#findOne(item))
      unmatched.delete(name)
    }
    if (unmatched.size === 0) return found
    // Bisecting is cheaper for few rejected keys of many; otherwise they are queried one by one.
    if (unmatched.size * 8 >= others.length)
      for (const item of others) found.set(String(item), await this.#findOne(item))
    else for (const [name, value] of await this.#findHalves(others)) found.set(name, value)
    return found
  }

  async #findOne(parameter: Parameter): Promise<OriginValue | Error> {
    try {
      return this.#reader.only(await this.#driver.one(parameter, this.#signal))
    } catch (error) {
      const reason = worded(error)
      if (error instanceof WrongRows || isBadRequest(reason)) return reason
      throw reason
    }
  }
}

/** A folded form that is the same for texts which some collation or type treats as equal. */
function fold(text: string): string {
  // Upper and lower case first: some letters expand ('ß'), others share an upper case.
  const letters = text.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase().toLowerCase()
  return letters.trim().replace(/^0+(?=\d)/, '')
}
