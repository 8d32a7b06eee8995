// The file of a Unix socket: a stale one is removed, and permissions are set.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'

/** The error of a connection to a socket whose process has ended. */
const STALE = 'ECONNREFUSED'

/**
 * Removes a socket on which no process listens any more. Redis removes whatever is there.
 * @throws Error if the file is not a socket, or a process listens on it
 */
export async function releasePath(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`unixsocket: ${path}: it exists already and is not a socket`)
  const code = await knock(path)
  if (code === STALE) unlinkSync(path)
  else if (code === '') throw new Error(`unixsocket: ${path}: another process listens on it`)
  else throw new Error(`unixsocket: ${path}: it exists already and cannot be connected to (${code})`)
}

/** Connects to a socket. Resolves to the error's code; '': a process listens. */
function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve('')
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'))
  })
}

/** Restricts new files to the permissions `mode` (umask), until the returned function is called. */
export function withMode(mode: number): () => void {
  if (mode === 0) return () => undefined
  try {
    const before = process.umask(0o777 & ~mode)
    return () => process.umask(before)
  } catch {
    // Worker threads cannot change the umask: there, the socket is restricted right after it is created.
    return () => undefined
  }
}

/** Sets the permissions of a socket file. @param mode 0: they stay as they are */
export function restrict(path: string, mode: number): void {
  if (mode !== 0) chmodSync(path, mode)
}
