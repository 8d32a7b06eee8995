// The directives of Cache-Control (RFC 9111 §5.2.2, RFC 5861, RFC 8246).

/** RFC 9111 §1.2.2: larger numbers of seconds are clamped to this. */
const MAX_SECONDS = 2 ** 31

const DIRECTIVE = /([^\s,=";]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g

/** Those that matter for a cache that many share and that serves no headers. */
const KNOWN = new Set([
  'max-age',
  's-maxage',
  'no-store',
  'no-cache',
  'private',
  'must-revalidate',
  'proxy-revalidate',
  'must-understand',
  'stale-while-revalidate',
  'stale-if-error',
])

/**
 * The known directives with their arguments, which are '' where there are none. The first of several directives of one
 * name counts (RFC 9111 §4.2.1). `no-cache` and `private` with a list of fields concern only these fields of the header,
 * of which the cache keeps none.
 */
export function parseCacheControl(value: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [, name, quoted, plain] of value.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase()
    const argument = (quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '').trim().replace(/\W/g, '_')
    const isAboutFields = (key === 'no-cache' || key === 'private') && argument !== ''
    if (KNOWN.has(key) && !found.has(key) && !isAboutFields) found.set(key, argument)
  }
  return found
}

/** The directives as one line, shorter than that of the server. */
export function formatCacheControl(directives: ReadonlyMap<string, string>): string {
  return [...directives].map(([name, argument]) => (argument === '' ? name : `${name}=${argument}`)).join()
}

/** A number of seconds; undefined for anything else. */
export function seconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d+$/.test(value) ? Math.min(Number(value), MAX_SECONDS) : undefined
}
