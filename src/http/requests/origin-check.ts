// Checks the host and the web origin of a request, against CSRF and DNS rebinding.

import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { HttpOptions } from '../options.ts'

/*
 * A page of another origin must not read or change the cache through the browser of someone who can reach it.
 *
 *   - It makes its own host name resolve to the address of the cache (DNS rebinding): then `Host` is that name. So only
 *     addresses, `localhost` and configured names are served. Where a password is needed any name is: such a page does not
 *     know it, and browsers send stored credentials to the origin they belong to only.
 *   - It sends requests to the cache (CSRF): then `Origin` is that page's, or `Sec-Fetch-Site` says so, which also
 *     covers requests without an `Origin`, such as those of `<img>` and `<script>`.
 */

export const FOREIGN_HOST = 'foreign-host'
export const FOREIGN_ORIGIN = 'foreign-origin'

/** The host names that are always served. */
const LOCAL_NAMES: ReadonlySet<string> = new Set(['localhost', 'localhost.'])

/** Port and brackets removed; '' if it is not a host. */
function hostOf(authority: string): string {
  const host = /^(?:\[([^\]]*)\]|([^:@/\s]*))(?::\d*)?$/.exec(authority)
  return (host?.[1] ?? host?.[2] ?? '').toLowerCase()
}

export class OriginCheck {
  readonly #options: Pick<HttpOptions, 'hosts' | 'cors'>
  readonly #needsPassword: () => boolean
  readonly #hosts: ReadonlySet<string>
  readonly #suffixes: readonly string[]
  readonly #acceptsAnyHost: boolean
  /** The last accepted `Host`: most clients repeat it. */
  #lastHost: string | undefined

  constructor(options: Pick<HttpOptions, 'hosts' | 'cors'>, needsPassword: () => boolean) {
    this.#options = options
    this.#needsPassword = needsPassword
    const { hosts } = options
    this.#acceptsAnyHost = hosts.includes('*')
    this.#hosts = new Set(hosts)
    this.#suffixes = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1))
  }

  /** Why a request is refused; `undefined`: it is not. */
  problemOf(
    headers: IncomingHttpHeaders,
    authority: string | undefined,
    method: string,
  ): typeof FOREIGN_HOST | typeof FOREIGN_ORIGIN | undefined {
    const host = authority ?? headers.host
    if (host !== undefined && host !== this.#lastHost) {
      if (!this.#acceptsAnyHost && !this.#needsPassword() && !this.#isOwnHost(hostOf(host)))
        return FOREIGN_HOST
      // With a password any name is accepted, and the password may be removed.
      if (!this.#needsPassword()) this.#lastHost = host
    }
    const { origin } = headers
    if (origin !== undefined) return this.#acceptsOrigin(origin, host) ? undefined : FOREIGN_ORIGIN
    const site = headers['sec-fetch-site']
    if (site === undefined || site === 'same-origin' || site === 'none') return undefined
    // A link on another page.
    const isNavigation = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
    return isNavigation && method === 'GET' ? undefined : FOREIGN_ORIGIN
  }

  /** The value of `Access-Control-Allow-Origin` for a request; `undefined`: none. */
  allowedOrigin(origin: string | undefined): string | undefined {
    const { cors } = this.#options
    if (origin === undefined || cors.length === 0) return undefined
    if (cors.includes(origin)) return origin
    return cors.includes('*') ? '*' : undefined
  }

  #isOwnHost(host: string): boolean {
    if (host === '') return false
    if (isIP(host) !== 0 || LOCAL_NAMES.has(host) || host.endsWith('.localhost')) return true
    return this.#hosts.has(host) || this.#suffixes.some((suffix) => host.endsWith(suffix))
  }

  #acceptsOrigin(origin: string, host: string | undefined): boolean {
    if (this.allowedOrigin(origin) !== undefined) return true
    if (host === undefined) return false
    // The scheme may differ: TLS may end before this node.
    return origin === `http://${host}` || origin === `https://${host}`
  }
}
