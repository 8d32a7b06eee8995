// Replies that are maps of named fields.

import { kebabName } from '../../bytes/names.ts'
import type { ReplyWriter } from '../../resp/reply.ts'

/** A field's value in a reply: text, and bytes, are a bulk string, a number an integer, `{ double }` a double, null is unknown. */
type FieldValue = string | Buffer | number | { readonly double: number } | null

/** A map whose names are those of an object in kebab case. Clients find fields by name, so fields may be added anywhere. */
export function replyObject<T extends object>(
  reply: ReplyWriter,
  object: T,
  doubles: readonly (keyof T)[] = [],
): void {
  const values = Object.entries(object).map(([name, value]): readonly [string, FieldValue] => [
    kebabName(name),
    doubles.includes(name as keyof T) ? { double: value } : value,
  ])
  replyValues(reply, values)
}

function replyValues(reply: ReplyWriter, values: readonly (readonly [string, FieldValue])[]): void {
  reply.map(values.length)
  for (const [name, value] of values) {
    reply.bulkText(name)
    if (value === null) reply.null()
    else if (typeof value === 'string') reply.bulkText(value)
    else if (typeof value === 'number') reply.integer(value)
    else if (Buffer.isBuffer(value)) reply.bulk(value, 0, value.length)
    else reply.double(value.double)
  }
}
