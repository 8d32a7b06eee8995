// PostgreSQL's types of names in its catalogue, such as regclass: what is written for a value depends on the search path.

import { StatementError } from '../driver.ts'

/** By OID. */
const NAME_TYPES: ReadonlyMap<number, string> = new Map([
  [24, 'regproc'],
  [2202, 'regprocedure'],
  [2203, 'regoper'],
  [2204, 'regoperator'],
  [2205, 'regclass'],
  [2206, 'regtype'],
  [3734, 'regconfig'],
  [3769, 'regdictionary'],
  [4089, 'regnamespace'],
  [4096, 'regrole'],
  [4191, 'regcollation'],
])

/** oid and record, and their arrays: the types of parameters that are compared with a name or with a composite value. */
const OIDS: ReadonlySet<number> = new Set([26, 1028])
const RECORDS: ReadonlySet<number> = new Set([2249, 2287])

/** The type that a parameter must be cast to, because it has another one than the column; `undefined`: it need not. */
export function castOf(parameter: number, column: number): string | undefined {
  return OIDS.has(parameter) ? NAME_TYPES.get(column) : undefined
}

/** @throws StatementError for a parameter that no text can be, as one that is compared with a composite column */
export function refuseRecord(parameter: number): void {
  if (RECORDS.has(parameter))
    throw new StatementError(
      'the type of the parameter is not known, cast it to that of its column, as in $1::pair',
      false,
      undefined,
    )
}

type Texts = readonly (string | null)[]

/** The columns of rows that have such types, as triggers write them, by the position of the column. */
export async function namesOf(
  oids: readonly number[],
  rows: readonly Texts[],
  run: (statement: string, parameter: Texts) => Promise<readonly Texts[]>,
): Promise<ReadonlyMap<number, Texts>> {
  const names = new Map<number, Texts>()
  for (const [column, oid] of oids.entries()) {
    const type = NAME_TYPES.get(oid)
    if (type === undefined || rows.length === 0) continue
    const cells = rows.map((row) => row[column])
    const found = await run(qualifiedNames(type), cells).catch((error) => {
      // What is written for an overloaded function cannot be read back.
      if (/^42/.test(error.code)) return cells.map((cell) => [cell])
      throw error
    })
    names.set(
      column,
      found.map(([name]) => name),
    )
  }
  return names
}

/**
 * The statement that takes values of a type as an array, and writes them as triggers do: with the search path of these.
 * That is set until the end of the statement's own transaction; the output is written after that.
 */
function qualifiedNames(type: string): string {
  return `
    select k, pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)
    from pg_catalog.unnest($1::pg_catalog.${type}[]) with ordinality as names (k, i) order by i`
}
