// What the command line prints when it fails: each line begins with `erinys: `.

import { addressName } from '../cluster/member.ts'
import { ConfigError } from '../config/config.ts'
import { OriginError } from '../group/policy.ts'
import { TlsError } from '../tls/pem.ts'
import { tooManyFiles } from './too-many-files.ts'

export const PREFIX = 'erinys: '

/** Prints an error that the user can fix as one line a problem, any other with its stack; exits with 1. */
export function fail(error: unknown): never {
  const lines =
    error instanceof ConfigError || error instanceof TlsError
      ? error.problems
      : [error instanceof OriginError ? error.message : reason(error as NodeJS.ErrnoException)]
  for (const line of lines) console.error(PREFIX + line)
  process.exit(1)
}

/** An error of listening; `isHttp`: of the HTTP gateway. */
type ListenError = NodeJS.ErrnoException & { address?: string; port?: number; isHttp?: true }

function reason(error: ListenError): string {
  const { code, address = '', port = 0, isHttp } = error
  const flag = isHttp ? '--http-' : '--'
  const place = addressName(address, port)
  if (code === 'EADDRINUSE')
    return `${place} is in use: stop the process that listens there, or choose another port with ${flag}port`
  if (code === 'EADDRNOTAVAIL')
    return `${place} is not an address of this machine: choose another one with ${flag}bind`
  if (code === 'EACCES')
    return `no permission to listen on ${place}: choose a port above 1023 with ${flag}port`
  if (error.syscall === 'getaddrinfo') return `${error.message}: choose another address with ${flag}bind`
  return tooManyFiles(error) ?? (code === undefined ? String(error.stack ?? error) : error.message)
}
