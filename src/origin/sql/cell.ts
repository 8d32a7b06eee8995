// The value of a column, alone or inside the row's JSON, the same for every database.

/*
 * type                  alone                                   in the JSON of a row
 * NULL                  no such key                             null
 * text                  the text                                a string
 * integer, numeric      all digits                              a number with all digits
 * NaN, infinities       as the database writes them             a string
 * boolean               true, false                             true, false
 * JSON                  as the database writes it               as it is
 * date, time            2024-01-31, 12:30:00.5                  a string
 * timestamp             2024-01-31T12:30:00.5                   a string
 * … with a time zone    2024-01-31T12:30:00.5Z, in UTC          a string
 * bytes                 the bytes                               a string, base64
 * array                 JSON                                    as it is
 */

/** Text that is valid JSON already: a number, a boolean, JSON. */
export class Literal {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A column of a row: text, bytes, literal JSON, or NULL. */
export type Cell = string | Uint8Array | Literal | null

/** A number as the database writes it. */
export function numberCell(text: string): Cell {
  return /^-?\d/.test(text) ? new Literal(text) : text
}

/** A date and time of the form `2024-01-31 12:30:00.5`. */
export function timestampCell(text: string, zone: '' | 'Z'): Cell {
  return /^\d/.test(text) ? text.replace(' ', 'T') + zone : text
}

/** A column that is the whole value. */
export function cellValue(cell: Cell): string | Uint8Array | null {
  return cell instanceof Literal ? cell.text : cell
}

/** A column as text, for comparing keys. */
export function cellText(cell: Cell): string {
  const value = cellValue(cell)
  if (value === null) return ''
  return typeof value === 'string' ? value : Buffer.from(value).toString('utf8')
}

/** A row as one JSON object, its columns from `first` on. */
export function rowJson(columns: readonly string[], row: readonly Cell[], first: number): string {
  const fields: string[] = []
  for (let i = first; i < columns.length; i++)
    fields.push(`${JSON.stringify(columns[i])}:${cellJson(row[i])}`)
  return `{${fields.join(',')}}`
}

export function cellJson(cell: Cell): string {
  if (cell === null) return 'null'
  if (cell instanceof Literal) return cell.text
  return JSON.stringify(typeof cell === 'string' ? cell : Buffer.from(cell).toString('base64'))
}
