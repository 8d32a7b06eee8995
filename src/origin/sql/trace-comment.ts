// The trace of a statement as a comment in it (sqlcommenter), so that logs of the database name the request.

import { sampledHeaders } from '../../telemetry/tracing.ts'

/** Left as they are by `encodeURIComponent`. A quote would end a value. */
const NOT_ENCODED = /[!'()*]/g

/** Matches the end of a statement that a comment must not follow. */
const END = /[\s;]+$/

/**
 * The statement with a comment behind it: fields sorted by name, their values percent-encoded. So no value can end the
 * comment, or have a character that a driver takes for a parameter. Without a sampled span the statement is the same.
 */
export function withTrace(sql: string): string {
  const headers = sampledHeaders()
  if (headers === undefined) return sql
  const fields = Object.entries(headers).filter(([, value]) => value !== '')
  const comment = fields
    .map(([name, value]) => `${name}='${encoded(value)}'`)
    .sort()
    .join(',')
  // A comment up to the end of the line may be the last of the statement.
  return `${sql.replace(END, '')}${/--|#/.test(sql) ? '\n' : ' '}/*${comment}*/`
}

function encoded(value: string): string {
  return encodeURIComponent(value).replace(
    NOT_ENCODED,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
