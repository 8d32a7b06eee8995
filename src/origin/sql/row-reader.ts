// Turns the rows of a query into values.

import { BadRequest, type OriginValue } from '../../group/origin.ts'
import { showKey } from '../../group/result.ts'
import { type Cell, cellValue, rowJson } from './cell.ts'
import type { Rows } from './driver.ts'

export class RowReader {
  readonly #column: string | undefined

  /** @param column the column that is the value; undefined: the only column, or the whole row as JSON */
  constructor(column: string | undefined) {
    this.#column = column
  }

  /** @throws SeveralRows */
  only({ columns, rows }: Rows): OriginValue {
    if (rows.length > 1) throw new SeveralRows()
    return rows.length === 0 ? null : this.value(columns, rows[0], 0)
  }

  /**
   * The value of a row, from its column `first` on.
   * @throws BadRequest when the query no longer returns the column
   */
  value(columns: readonly string[], row: readonly Cell[], first: number): OriginValue {
    if (this.#column === undefined)
      return columns.length === first + 1 ? cellValue(row[first]) : rowJson(columns, row, first)
    const at = columns.indexOf(this.#column, first)
    if (at < 0) throw new BadRequest(`the query no longer returns a column ${this.#column}`)
    return cellValue(row[at])
  }
}

/** A query for one key returned several rows; the key is added by `ofKey`. */
export class SeveralRows extends Error {
  constructor() {
    super('the query gave more than one row')
  }
}

/** Adds the key to the message of `SeveralRows`. */
export function ofKey<Result>(result: Result, key: string): Result | Error {
  return result instanceof SeveralRows ? new BadRequest(`${result.message} for ${showKey(key)}`) : result
}
