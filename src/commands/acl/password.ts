// ACL GENPASS: a random password.

import { randomBytes } from 'node:crypto'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
import { wrongSubcommand } from '../spec/errors.ts'

const DEFAULT_BITS = 256
const MAX_BITS = 4096

export function generatePassword(c: Context): void {
  const { args, reply } = c
  if (args.count > 3) {
    reply.error(wrongSubcommand('ACL', args.latin1(1)), 'latin1')
    return
  }
  const bits = args.count === 3 ? readInteger(c, 2) : DEFAULT_BITS
  if (Number.isNaN(bits)) return
  if (bits <= 0 || bits > MAX_BITS) {
    reply.error(
      'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number ' +
        `up to ${MAX_BITS}`,
    )
    return
  }
  // One hexadecimal digit for every four bits that are begun.
  reply.bulkText(
    randomBytes(MAX_BITS / 8)
      .toString('hex')
      .slice(0, Math.ceil(bits / 4)),
  )
}
