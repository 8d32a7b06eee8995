// The text of PostgreSQL's arrays, composite values and hstores, taken apart (PostgreSQL: "Array Input and Output
// Syntax", "Composite Type Input and Output Syntax").

/** A parsed array, possibly nested. */
export type Items = readonly (string | null | Items)[]

/** Takes an array apart; where its bounds begin does not matter, as in JSON. */
export function parseArray(text: string, delimiter: string): Items {
  // Bounds other than the default are in front: `[0:1]={1,2}`.
  let at = text.indexOf('{')
  const item = (): string | null | Items => {
    if (text[at] === '{') return list()
    const isQuoted = text[at] === '"'
    if (isQuoted) at++
    let value = ''
    while (at < text.length) {
      const char = text[at]
      if (isQuoted ? char === '"' : char === delimiter || char === '}') break
      if (char === '\\') at++
      value += text[at++]
    }
    if (isQuoted) at++
    return !isQuoted && value.toUpperCase() === 'NULL' ? null : value
  }
  const list = (): Items => {
    const items: (string | null | Items)[] = []
    at++
    while (at < text.length && text[at] !== '}') {
      items.push(item())
      if (text[at] === delimiter) at++
    }
    at++
    return items
  }
  return list()
}

/** The fields of a composite value: `(1,"a b",)`. */
export function parseComposite(text: string): readonly (string | null)[] {
  const fields: (string | null)[] = []
  const end = text.length - 1
  for (let at = 1; at <= end; at++) {
    let value = ''
    const start = at
    let isQuoted = false
    for (; at < end && (isQuoted || text[at] !== ','); at++) {
      const char = text[at]
      if (char === '\\') value += text[++at]
      else if (char !== '"') value += char
      else if (isQuoted && text[at + 1] === '"') value += text[++at]
      else isQuoted = !isQuoted
    }
    fields.push(at === start ? null : value)
  }
  return fields
}

const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)/g

/** The JSON of an hstore: an object whose values are strings or null. */
export function hstoreJson(text: string): string {
  const plain = (part: string): string => JSON.stringify(part.replace(/\\(.)/gs, '$1'))
  const pairs = [...text.matchAll(PAIR)].map(
    ([, name, value]) => `${plain(name)}:${value === undefined ? 'null' : plain(value)}`,
  )
  return `{${pairs.join(',')}}`
}
