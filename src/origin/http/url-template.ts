// URLs with places for what a key holds: `https://api.example/users/{id}`.

/** Places are in the path and in the query: never in what says which machine is asked. */
const BASE = /^https?:\/\/[^/?#{}]+[/?]/i
const PLACE = /\{([^{}]*)\}/g

/** A client of HTTP leaves them out (RFC 9110 §4.2.4). */
export const NO_CREDENTIALS =
  'it has a user or a password, which are not sent: put them into headers, as authorization'

/** The place of the whole key. */
const KEY = 'key'

export class UrlTemplate {
  readonly #literals: readonly string[]
  /** The index of the capture at each place; -1: the whole key. */
  readonly #places: readonly number[]

  /**
   * @param captures names that a place may have besides `key`
   * @throws Error that says what is wrong with the template
   */
  constructor(template: string, captures: readonly string[]) {
    const names = [...template.matchAll(PLACE)].map(([, name]) => name)
    if (names.length === 0) throw new Error('it has no place for the key: write {key}')
    if (!BASE.test(template) || !URL.canParse(template.replace(PLACE, 'x')))
      throw new Error('it does not begin with http:// or https:// and the address of a server')
    const { username, password } = new URL(template.replace(PLACE, 'x'))
    if (username !== '' || password !== '') throw new Error(NO_CREDENTIALS)
    const unknown = names.find((name) => name !== KEY && !captures.includes(name))
    if (unknown !== undefined)
      throw new Error(`{${unknown}} is no capture of keys, known are ${[KEY, ...captures].join(', ')}`)
    if (template.includes('#')) throw new Error('it has a fragment, which no server is sent')
    this.#literals = template.split(/\{[^{}]*\}/)
    this.#places = names.map((name) => captures.indexOf(name))
  }

  /**
   * The URL of a key, what it holds escaped; undefined for a key that would lead elsewhere: an empty one, or one that makes
   * a segment `.` or `..` of the path, also on a server that unescapes slashes before it looks.
   */
  fill(key: string, captures: readonly string[]): string | undefined {
    let url = this.#literals[0]
    let [path] = url.split('?', 1)
    let isPath = path === url
    for (const [i, place] of this.#places.entries()) {
      const text = place < 0 ? key : captures[place]
      if (text === '') return undefined
      const literal = this.#literals[i + 1]
      url += encodeURIComponent(text) + literal
      const [before] = literal.split('?', 1)
      if (isPath) path += text + before
      isPath &&= before === literal
    }
    return hasDots(path) ? undefined : url
  }
}

function hasDots(path: string): boolean {
  return path.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')
}
