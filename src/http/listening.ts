// Where the gateway listens, when a node starts.

import type { HttpGateway } from './gateway.ts'
import type { GatewayLog } from './ports.ts'

export interface HttpPlace {
  /** 0: the system chooses one, the same on every address. */
  readonly port: number
  /** The port is the default, not configured: if it is in use, the node starts without HTTP. */
  readonly isDefaultPort: boolean
  /** An optional address need not exist on the machine. */
  readonly bind: readonly { readonly host: string; readonly optional: boolean }[]
}

interface HttpAddress {
  readonly host: string
  readonly port: number
  /** It speaks HTTPS. */
  readonly tls?: boolean
}

/** Listens on every address. Resolves to them; none: the default port is in use. */
export async function listenOnAll(
  gateway: HttpGateway,
  { port: wanted, isDefaultPort, bind }: HttpPlace,
  log: GatewayLog,
): Promise<readonly HttpAddress[]> {
  let port = wanted
  const addresses: HttpAddress[] = []
  const how = gateway.isSecure ? { tls: true } : {}
  for (const { host, optional } of bind) {
    try {
      const address = await gateway.listen(host === '*' ? '::' : host, port)
      port = address.port
      addresses.push({ host: address.address, port, ...how })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (optional && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) continue
      // The message names the flags of this listener.
      if (!isDefaultPort || code !== 'EADDRINUSE') throw Object.assign(error as Error, { isHttp: true })
      await gateway.close(0)
      const message = `port ${port} is in use, so this node has no HTTP: give it another with --http-port, or 0 for none`
      log.warn({ port, host }, message)
      return []
    }
  }
  return addresses
}
