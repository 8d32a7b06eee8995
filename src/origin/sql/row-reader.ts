// Turns the rows of a query into values.

import { BadRequest, type OriginValue } from '../../group/origin.ts'
import { showKey } from '../../group/result.ts'
import { type Shape, scored } from '../shape.ts'
import { type Cell, cellText, cellValue, rowJson } from './cell.ts'
import type { Rows } from './driver.ts'

export class RowReader {
  readonly #column: string | undefined
  readonly #shape: Shape

  /** @param column the column that is the value; undefined: the only column, or the whole row as JSON */
  constructor(column: string | undefined, shape: Shape) {
    this.#column = column
    this.#shape = shape
  }

  /** @throws WrongRows */
  only({ columns, rows }: Rows): OriginValue {
    return this.#value(columns, rows, 0)
  }

  /**
   * The value of the rows of one key in a batch, whose first column is the key; the error of rows that have no value.
   * @throws BadRequest when the query no longer returns the column
   */
  batched(columns: readonly string[], rows: readonly (readonly Cell[])[]): OriginValue | Error {
    try {
      return this.#value(columns, rows, 1)
    } catch (error) {
      if (error instanceof WrongRows) return error
      throw error
    }
  }

  /**
   * The value of the rows of one key, from their column `first` on.
   * @throws WrongRows, BadRequest when the query no longer returns the column
   */
  #value(columns: readonly string[], rows: readonly (readonly Cell[])[], first: number): OriginValue {
    if (rows.length === 0) return null
    if (this.#shape === 'string' || this.#shape === 'hash') {
      if (rows.length > 1) throw new WrongRows('the query gave more than one row')
      return this.#shape === 'hash' ? hashOf(columns, rows[0], first) : this.#string(columns, rows[0], first)
    }
    if (this.#shape === 'sortedset') return sortedSetOf(columns, rows, first)
    const elements = rows.map((row) => cellValue(row[first])).filter((element) => element !== null)
    return this.#shape === 'set' ? new Set(elements) : elements
  }

  #string(columns: readonly string[], row: readonly Cell[], first: number): OriginValue {
    if (this.#column === undefined)
      return columns.length === first + 1 ? cellValue(row[first]) : rowJson(columns, row, first)
    const at = columns.indexOf(this.#column, first)
    if (at < 0) throw new BadRequest(`the query no longer returns a column ${this.#column}`)
    return cellValue(row[at])
  }
}

function hashOf(columns: readonly string[], row: readonly Cell[], first: number): OriginValue {
  const fields = new Map<string, string | Uint8Array | null>()
  for (let i = first; i < columns.length; i++) fields.set(columns[i], cellValue(row[i]))
  return fields
}

function sortedSetOf(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  first: number,
): OriginValue {
  if (columns.length < first + 2) throw new WrongRows('the query no longer returns a column of scores')
  try {
    return scored(
      rows.map((row) => [cellValue(row[first]), row[first + 1] === null ? null : cellText(row[first + 1])]),
    )
  } catch (error) {
    throw new WrongRows((error as Error).message)
  }
}

/** The rows of a key have no value; the key is added by `ofKey`. */
export class WrongRows extends Error {}

/** Adds the key to the message of `WrongRows`. */
export function ofKey<Result>(result: Result, key: string): Result | Error {
  return result instanceof WrongRows ? new BadRequest(`${result.message} for ${showKey(key)}`) : result
}
