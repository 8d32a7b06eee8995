// URLs with placeholders for a key or its captures: `https://api.example/users/{id}`, or raw, `{+path}`.

import { leadsElsewhere, rawInPath, rawInQuery } from './raw-text.ts'

/** Placeholders may be in the path and the query, never in the authority. */
const BASE = /^https?:\/\/[^/?#{}]+[/?]/i
const PLACE = /\{([^{}]*)\}/g

/** Credentials in a URL are not sent (RFC 9110 §4.2.4). */
export const NO_CREDENTIALS =
  'it has a user or a password, which are not sent: put them into headers, as authorization'

/** The placeholder of the whole key. */
const KEY = 'key'

interface Place {
  /** The index of the capture; -1: the whole key. */
  readonly capture: number
  /** `{+name}`: reserved characters such as `/` stay as they are (RFC 6570 §3.2.3). */
  readonly isRaw: boolean
  readonly isInPath: boolean
}

export class UrlTemplate {
  /** The server, as `URL.origin`. */
  readonly server: string
  readonly #literals: readonly string[]
  readonly #places: readonly Place[]
  readonly #hasRawPath: boolean

  /**
   * @param captures names of placeholders allowed besides `key`
   * @throws Error that says what is wrong with the template
   */
  constructor(template: string, captures: readonly string[]) {
    const found = [...template.matchAll(PLACE)]
    const names = found.map(([, name]) => name.replace(/^\+/, ''))
    if (names.length === 0) throw new Error('the URL has no placeholder for the key: write {key}')
    if (!BASE.test(template) || !URL.canParse(template.replace(PLACE, 'x')))
      throw new Error('it does not begin with http:// or https:// and the address of a server')
    const { username, password, origin } = new URL(template.replace(PLACE, 'x'))
    this.server = origin
    if (username !== '' || password !== '') throw new Error(NO_CREDENTIALS)
    const unknown = names.find((name) => name !== KEY && !captures.includes(name))
    if (unknown !== undefined)
      throw new Error(`{${unknown}} is not a capture of keys, known are ${[KEY, ...captures].join(', ')}`)
    if (template.includes('#')) throw new Error('the URL has a fragment, which is never sent to a server')
    const query = template.indexOf('?')
    this.#literals = template.split(/\{[^{}]*\}/)
    this.#places = found.map(({ 1: text, index }, i) => ({
      capture: captures.indexOf(names[i]),
      isRaw: text.startsWith('+'),
      isInPath: query < 0 || index < query,
    }))
    this.#hasRawPath = this.#places.some(({ isRaw, isInPath }) => isRaw && isInPath)
  }

  /**
   * The URL of a key, percent-encoded; undefined for a key that would lead elsewhere: an empty one, or one that makes a
   * path segment `.` or `..`, also on a server that decodes slashes first.
   */
  fill(key: string, captures: readonly string[]): string | undefined {
    let url = this.#literals[0]
    let [path] = url.split('?', 1)
    for (const [i, { capture, isRaw, isInPath }] of this.#places.entries()) {
      const text = capture < 0 ? key : captures[capture]
      if (text === '') return undefined
      const literal = this.#literals[i + 1]
      const encoded = isRaw ? rawText(url, text, literal, isInPath) : encodeURIComponent(text)
      if (encoded === undefined) return undefined
      url += encoded + literal
      if (isInPath) path += (this.#hasRawPath ? encoded : text) + literal.split('?', 1)[0]
    }
    const isElsewhere = this.#hasRawPath ? leadsElsewhere(path) : hasDots(path)
    return isElsewhere ? undefined : url
  }
}

function rawText(before: string, text: string, after: string, isInPath: boolean): string | undefined {
  return isInPath ? rawInPath(before, text, after) : rawInQuery(text)
}

function hasDots(path: string): boolean {
  return path.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')
}
