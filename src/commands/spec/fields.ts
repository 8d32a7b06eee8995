// Replies that are maps of named fields.

import type { ReplyWriter } from '../../resp/reply.ts'

/** A field's value in a reply: text is a bulk string, a number an integer, `{ double }` a double, null is unknown. */
export type FieldValue = string | number | { readonly double: number } | null

/** Fields by name, in the order of the reply: clients find them by name, so fields may be added anywhere. */
export type Fields<T> = Readonly<Record<string, (subject: T) => FieldValue>>

export function replyFields<T>(reply: ReplyWriter, fields: Fields<T>, subject: T): void {
  replyValues(
    reply,
    Object.entries(fields).map(([name, read]) => [name, read(subject)]),
  )
}

export function replyValues(reply: ReplyWriter, values: readonly (readonly [string, FieldValue])[]): void {
  reply.map(values.length)
  for (const [name, value] of values) {
    reply.bulkText(name)
    if (value === null) reply.null()
    else if (typeof value === 'string') reply.bulkText(value)
    else if (typeof value === 'number') reply.integer(value)
    else reply.double(value.double)
  }
}
