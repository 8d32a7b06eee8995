// URLs with places for what a key holds: `https://api.example/users/{id}`.

/** Placeholders may be in the path and the query, never in the authority. */
const BASE = /^https?:\/\/[^/?#{}]+[/?]/i
const PLACE = /\{([^{}]*)\}/g

/** Credentials in a URL are not sent (RFC 9110 §4.2.4). */
export const NO_CREDENTIALS =
  'it has a user or a password, which are not sent: put them into headers, as authorization'

/** The placeholder of the whole key. */
const KEY = 'key'

export class UrlTemplate {
  readonly #literals: readonly string[]
  /** The index of the capture of each placeholder; -1: the whole key. */
  readonly #places: readonly number[]

  /**
   * @param captures names of placeholders allowed besides `key`
   * @throws Error that says what is wrong with the template
   */
  constructor(template: string, captures: readonly string[]) {
    const names = [...template.matchAll(PLACE)].map(([, name]) => name)
    if (names.length === 0) throw new Error('the URL has no placeholder for the key: write {key}')
    if (!BASE.test(template) || !URL.canParse(template.replace(PLACE, 'x')))
      throw new Error('it does not begin with http:// or https:// and the address of a server')
    const { username, password } = new URL(template.replace(PLACE, 'x'))
    if (username !== '' || password !== '') throw new Error(NO_CREDENTIALS)
    const unknown = names.find((name) => name !== KEY && !captures.includes(name))
    if (unknown !== undefined)
      throw new Error(`{${unknown}} is not a capture of keys, known are ${[KEY, ...captures].join(', ')}`)
    if (template.includes('#')) throw new Error('the URL has a fragment, which is never sent to a server')
    this.#literals = template.split(/\{[^{}]*\}/)
    this.#places = names.map((name) => captures.indexOf(name))
  }

  /**
   * The URL of a key, percent-encoded; undefined for a key that would lead elsewhere: an empty one, or one that makes a
   * path segment `.` or `..`, also on a server that decodes slashes first.
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
