// The types of PostgreSQL: how the text of a value becomes a cell. Types that users make are looked up in the catalogue.

import { type Cell, cellJson, Literal, numberCell, timestampCell } from '../cell.ts'
import { type IntegerRange, signed } from '../driver.ts'
import { hstoreJson, type Items, parseArray, parseComposite } from './text.ts'

/** The OIDs of bytea and bytea[]: text parameters would be parsed as their escaped form. */
export const BYTEA = 17
export const BYTEA_ARRAY = 1001

/** Readers by the type's OID (PostgreSQL: pg_type.dat). */
const READERS: ReadonlyMap<number, (text: string) => Cell> = new Map([
  [16, (text) => new Literal(text === 't' ? 'true' : 'false')],
  ...[20, 21, 23, 26, 700, 701, 1700].map((oid) => [oid, numberCell] as const),
  ...[114, 3802].map((oid) => [oid, (text: string) => new Literal(text)] as const),
  [BYTEA, (text) => Buffer.from(text.slice(2), 'hex')],
  [1114, (text) => timestampCell(text, '')],
  [1184, (text) => timestampCell(text.replace(/\+00$/, ''), 'Z')],
])

/** Types whose values are the server's text: text, varchar, char, name, uuid, date, time, interval, inet, record, void. */
const TEXTS: ReadonlySet<number> = new Set([
  18, 19, 25, 705, 869, 1042, 1043, 1082, 1083, 1186, 1266, 2249, 2278, 2950,
])

/** Element types by the OID of the array type; of text, varchar, char, name, uuid, date, time, inet: text. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [BYTEA_ARRAY, BYTEA],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [199, 114],
  [3807, 3802],
  [1115, 1114],
  [1185, 1184],
  ...[1009, 1015, 1014, 1003, 2951, 1182, 1183, 1041].map((oid) => [oid, 25] as const),
])

/** bigint, smallint, int, oid. */
export const INTEGERS: ReadonlyMap<number, IntegerRange> = new Map([
  [20, signed(64)],
  [21, signed(16)],
  [23, signed(32)],
  [26, [0n, (1n << 32n) - 1n]],
])

/** char(n), which ignores spaces at the end. */
const PADDED = 1042
const BOOLEAN = 16

/** The text of a key, which is that of the triggers. */
export function keyText(oid: number, text: string): string {
  if (oid === BYTEA) return Buffer.from(text.slice(2), 'hex').toString('utf8')
  if (oid === PADDED) return text.replace(/ +$/, '')
  return oid === BOOLEAN ? (text === 't' ? 'true' : 'false') : text
}

/** A type as the catalogue describes it. */
type Type =
  | { readonly kind: 'text' | 'hstore' }
  | { readonly kind: 'domain'; readonly base: number }
  | { readonly kind: 'array'; readonly element: number; readonly delimiter: string }
  | { readonly kind: 'composite'; readonly fields: readonly (readonly [name: string, oid: number])[] }

/** Its parameter is an array of OIDs. */
const CATALOGUE = `
  select t.oid, t.typtype, t.typname, t.typbasetype, t.typelem, e.typdelim,
    (select json_agg(json_build_array(attname, atttypid::int8) order by attnum) from pg_catalog.pg_attribute
      where attrelid = t.typrelid and attnum > 0 and not attisdropped)
  from pg_catalog.pg_type t left join pg_catalog.pg_type e on e.oid = t.typelem and e.typarray = t.oid
  where t.oid = any($1)`

/** Runs a statement with one parameter. */
type Run = (text: string, parameter: string) => Promise<readonly (readonly (string | null)[])[]>

export class PostgresTypes {
  readonly #types = new Map<number, Type>()

  /**
   * Looks up the types that are not known, and those that they are made of. Composite types each time: their fields may
   * have been renamed, added or dropped since.
   */
  async learn(oids: readonly number[], run: Run): Promise<void> {
    const found = new Set<number>()
    let wanted = this.#alterable(oids)
    while (wanted.length > 0) {
      const rows = await run(CATALOGUE, `{${wanted.join(',')}}`)
      for (const oid of wanted) found.add(oid)
      // A type that is gone already is read as text, and looked up again the next time.
      const parts: number[] = []
      for (const row of rows) parts.push(...this.#add(row))
      wanted = this.#alterable(parts).filter((oid) => !found.has(oid))
    }
  }

  /** Of these types and those that they are known to be made of, the ones whose catalogue entries matter and may have changed. */
  #alterable(oids: readonly number[]): readonly number[] {
    const all = new Set(oids)
    for (const oid of all) for (const part of partsOf(this.#types.get(oid))) all.add(part)
    return [...all].filter((oid) => {
      const isFixed = READERS.has(oid) || TEXTS.has(oid) || ELEMENTS.has(oid)
      const kind = this.#types.get(oid)?.kind
      return !isFixed && (kind === undefined || kind === 'composite')
    })
  }

  /**
   * Reads a value.
   * @throws Altered if the value does not fit what the catalogue said
   */
  read(oid: number, text: string | null): Cell {
    if (text === null) return null
    const reader = READERS.get(oid)
    if (reader !== undefined) return reader(text)
    const element = ELEMENTS.get(oid)
    if (element !== undefined) return new Literal(this.#arrayJson(parseArray(text, ','), element))
    const type = this.#types.get(oid)
    switch (type?.kind) {
      case 'domain':
        return this.read(type.base, text)
      case 'array':
        return new Literal(this.#arrayJson(parseArray(text, type.delimiter), type.element))
      case 'composite':
        return new Literal(this.#compositeJson(parseComposite(text), type.fields))
      case 'hstore':
        return new Literal(hstoreJson(text))
      default:
        return text
    }
  }

  /** Adds a row of the catalogue; gives the types that it is made of. */
  #add([oid, typtype, name, base, element, delimiter, fields]: readonly (
    | string
    | null
  )[]): readonly number[] {
    let type: Type = { kind: name === 'hstore' ? 'hstore' : 'text' }
    if (typtype === 'd') type = { kind: 'domain', base: Number(base) }
    else if (delimiter !== null) type = { kind: 'array', element: Number(element), delimiter }
    else if (typtype === 'c') type = { kind: 'composite', fields: JSON.parse(fields ?? '[]') }
    this.#types.set(Number(oid), type)
    return partsOf(type)
  }

  #arrayJson(items: Items, element: number): string {
    const texts = items.map((item) =>
      Array.isArray(item)
        ? this.#arrayJson(item, element)
        : cellJson(this.read(element, item as string | null)),
    )
    return `[${texts.join(',')}]`
  }

  #compositeJson(
    values: readonly (string | null)[],
    fields: readonly (readonly [name: string, oid: number])[],
  ): string {
    // A composite type without fields is written `()`, like one with a field that is NULL.
    const isEmpty = fields.length === 0 && values.length <= 1
    if (values.length !== fields.length && !isEmpty) throw new Altered()
    const members = fields.map(
      ([name, oid], i) => `${JSON.stringify(name)}:${cellJson(this.read(oid, values[i]))}`,
    )
    return `{${members.join(',')}}`
  }
}

/** The types that a type is made of. */
function partsOf(type: Type | undefined): readonly number[] {
  switch (type?.kind) {
    case 'domain':
      return [type.base]
    case 'array':
      return [type.element]
    case 'composite':
      return type.fields.map(([, oid]) => oid)
    default:
      return []
  }
}

/** A composite type has been altered since its value was read. */
export class Altered extends Error {
  constructor() {
    super('a composite type has been altered')
  }
}
