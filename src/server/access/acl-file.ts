// The file of users: read at the start and by ACL LOAD, written by ACL SAVE.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { parseAclFile, printAclFile } from '../../access/acl-file.ts'
import type { UserDefinition, Users } from '../../access/users.ts'
import type { AclFile } from '../../commands/spec/host.ts'
import type { Logger } from '../logger.ts'

/** Permissions of a new file: password hashes are secrets, so only its owner may read it. */
const PRIVATE = 0o600
const PERMISSIONS = 0o777

const NOT_SAVED =
  'There was an error trying to save the ACLs. Please check the server logs for more information'

/** The users that a file defines, with rules that are not checked yet; or an error text. */
export function readAclFile(path: string): readonly UserDefinition[] | string {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (error) {
    return `Error loading ACLs, opening file '${path}': ${reasonOf(error)}`
  }
  return parseAclFile(text, path)
}

export class UsersFile implements AclFile {
  readonly #path: string
  readonly #users: Users
  readonly #log: Logger

  constructor(path: string, users: Users, log: Logger) {
    this.#path = path
    this.#users = users
    this.#log = log
  }

  load(): string | undefined {
    const read = readAclFile(this.#path)
    return typeof read === 'string' ? read : this.#users.replaceAll(read)
  }

  /** The new file takes the place of the old one when it is complete. */
  save(): string | undefined {
    const temporary = `${this.#path}.tmp-${process.pid}`
    try {
      const file = openSync(temporary, 'w', modeOf(this.#path))
      try {
        // Not `writeSync`: it may write only a part, for example when the disk is almost full.
        writeFileSync(file, printAclFile(this.#users), 'latin1')
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(temporary, this.#path)
      return undefined
    } catch (err) {
      this.#log.error({ err, aclfile: this.#path }, 'the users could not be saved')
      rmSync(temporary, { force: true })
      return NOT_SAVED
    }
  }
}

/** The permissions of a file that is to be replaced. */
function modeOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.mode ?? PRIVATE) & PERMISSIONS
}

/** The system's text for an error: `no such file or directory`. */
function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return message.replace(`${code}: `, '').replace(/, \w+( '.*')?$/s, '')
}
