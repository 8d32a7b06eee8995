// What the rows of a query are as values.

import { BadRequest, type OriginValue } from '../../group/origin.ts'
import { showKey } from '../../group/result.ts'
import { type Cell, cellValue, rowJson } from './cell.ts'
import type { Rows } from './driver.ts'

export class RowReader {
  readonly #column: string | undefined

  /** @param column the one that is the value; undefined: the only one, or all of them as JSON */
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
   * @throws BadRequest when the column is there no more
   */
  value(columns: readonly string[], row: readonly Cell[], first: number): OriginValue {
    if (this.#column === undefined)
      return columns.length === first + 1 ? cellValue(row[first]) : rowJson(columns, row, first)
    const at = columns.indexOf(this.#column, first)
    if (at < 0) throw new BadRequest(`the query gives no ${this.#column} any more`)
    return cellValue(row[at])
  }
}

/** It is not known yet of which key. */
export class SeveralRows extends Error {
  constructor() {
    super('the query gave more than one row')
  }
}

/** Says which key it was. */
export function ofKey<Result>(result: Result, key: string): Result | Error {
  return result instanceof SeveralRows ? new BadRequest(`${result.message} for ${showKey(key)}`) : result
}
