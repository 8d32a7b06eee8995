// Reserved expansion of a key in a URL, `{+key}` (RFC 6570 §3.2.3): `/` and other reserved characters are kept, as are
// percent-encoded triplets. It stays inside its place: whatever would end the path, or lead out of it, is encoded or refused.

/** A server and the proxies before it may decode several times. */
const MAX_DECODINGS = 4

const CONTROL = /\p{Cc}/u
const TRIPLETS = /(?:%[\da-f]{2})+/gi
const SEPARATOR = /[/\\]/

/**
 * A text for the path between two other texts.
 * @returns undefined for a text with an empty segment (`//host`), a control character, or triplets that are not UTF-8
 */
export function rawInPath(before: string, text: string, after: string): string | undefined {
  const encoded = reserved(text).replace(/[?#]/g, encodeURIComponent)
  const isWhole = decodings(encoded).every((decoded) => {
    if (CONTROL.test(decoded) || /[/\\]{2}/.test(decoded)) return false
    const isCompleted =
      (before.endsWith('/') && /^[/\\]/.test(decoded)) || (after.startsWith('/') && /[/\\]$/.test(decoded))
    return !isCompleted
  })
  return isWhole && isUtf8(encoded) ? encoded : undefined
}

/** A text for a value in the query: it does not end its parameter. */
export function rawInQuery(text: string): string {
  return reserved(text).replace(/[#&=+;]/g, encodeURIComponent)
}

/** Whether a path has a segment `.` or `..` for a server that decodes it any number of times, or drops `;parameters`. */
export function leadsElsewhere(path: string): boolean {
  return decodings(path).some((decoded) =>
    // Some servers take letters that look like dots and slashes for these.
    decoded
      .normalize('NFKC')
      .split(SEPARATOR)
      .some((segment) => /^\.{1,2}$/.test(segment.split(';', 1)[0].trim())),
  )
}

function reserved(text: string): string {
  return encodeURI(text).replace(/%25([\da-f]{2})/gi, '%$1')
}

/** A text, decoded once, twice and so on. */
function decodings(text: string): string[] {
  const all = [text]
  while (all.length <= MAX_DECODINGS) {
    const next = all[all.length - 1].replace(TRIPLETS, (triplets) => decode(triplets) ?? triplets)
    if (next === all[all.length - 1]) break
    all.push(next)
  }
  return all
}

function isUtf8(encoded: string): boolean {
  return [...encoded.matchAll(TRIPLETS)].every(([triplets]) => decode(triplets) !== undefined)
}

function decode(triplets: string): string | undefined {
  try {
    return decodeURIComponent(triplets)
  } catch {
    return undefined
  }
}
