// The file of a Unix socket: removed if a process that has ended left it behind, and restricted to its permissions.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'

/** A socket whose process has ended refuses. */
const STALE = 'ECONNREFUSED'

/**
 * Removes a socket on which no process listens any more. Redis removes whatever is there.
 * @throws Error if there is something else, or a process listens on it
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

/** Connects to a socket. Returns the code of the error; empty: a process listens. */
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

/** Lets files that are made from now on have no other permissions; returns what ends that. */
export function withMode(mode: number): () => void {
  if (mode === 0) return () => undefined
  try {
    const before = process.umask(0o777 & ~mode)
    return () => process.umask(before)
  } catch {
    // A worker thread must not change it: the socket is restricted right after it is made.
    return () => undefined
  }
}

/** @param mode 0: they stay as they are */
export function restrict(path: string, mode: number): void {
  if (mode !== 0) chmodSync(path, mode)
}
