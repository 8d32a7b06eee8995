// For database servers that refuse to run as root: another user, and a folder of that user.

import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The user to run a server as; empty if this process is not root. */
export interface Identity {
  readonly uid?: number
  readonly gid?: number
}

/** The first of these users that the machine has, if this process is root. */
export function unprivileged(...users: string[]): Identity {
  if (process.getuid?.() !== 0) return {}
  const user = [...users, 'nobody'].find((name) => spawnSync('id', ['-u', name]).status === 0) ?? 'nobody'
  const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Creates a file that only the user can read. */
export function secretFile({ uid, gid }: Identity, path: string, contents: string): string {
  writeFileSync(path, contents, { mode: 0o600 })
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
  return path
}

/** Creates a folder that belongs to the user. */
export function folderOf({ uid, gid }: Identity, prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  return folder
}
