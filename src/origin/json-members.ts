// The members of a JSON object with the source text of their values, so that numbers keep all digits.

/**
 * Source texts by name; the last of duplicate names counts. A byte order mark in front is ignored (RFC 8259 §8.1).
 * Undefined: the JSON is not an object.
 * @throws SyntaxError for what is not JSON
 */
export function jsonMembers(text: string): ReadonlyMap<string, string> | undefined {
  const json = text.replace(/^\uFEFF/, '')
  const whole: unknown = JSON.parse(json)
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return undefined
  return new Map(partsOf(json))
}

/**
 * The source texts of the elements of a JSON array. Undefined: the JSON is not an array.
 * @throws SyntaxError for what is not JSON
 */
export function jsonElements(text: string): readonly string[] | undefined {
  const json = text.replace(/^\uFEFF/, '')
  if (!Array.isArray(JSON.parse(json))) return undefined
  return partsOf(json).map(([, part]) => part)
}

/** The names, empty in an array, and the source texts of what valid JSON contains. */
function partsOf(json: string): [name: string, part: string][] {
  const isArray = json.trimStart().startsWith('[')
  const parts: [string, string][] = []
  let depth = 0
  let name: string | undefined
  let start = 0
  for (let at = 0; at < json.length; at++) {
    const char = json[at]
    if (char === '"') {
      const end = endOfString(json, at)
      if (depth === 1 && !isArray) name ??= JSON.parse(json.slice(at, end + 1)) as string
      at = end
    } else if (char === ':' && depth === 1) {
      start = at + 1
    } else if (char === '{' || char === '[') {
      depth++
      if (depth === 1) start = at + 1
    } else if (char === '}' || char === ']' || char === ',') {
      const part = json.slice(start, at).trim()
      // Not at the end of an empty array or object.
      if (depth === 1 && (isArray ? part !== '' : name !== undefined)) {
        parts.push([name ?? '', part])
        name = undefined
        if (isArray) start = at + 1
      }
      if (char !== ',') depth--
    }
  }
  return parts
}

/** The value of a member: a JSON string is the text itself, null is no value, anything else is its JSON as written. */
export function valueOfJson(json: string): string | null {
  if (json === 'null') return null
  return json.startsWith('"') ? (JSON.parse(json) as string) : json
}

/** The position of the quote that ends the string which begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}
