// DEBUG PROTOCOL: one value of each RESP type, for tests of clients.

import type { ReplyWriter } from '../../resp/reply.ts'
import type { Context } from '../spec/context.ts'

const BIG_NUMBER = '1234567999999999999999999999999999999'
const ATTRIBUTE = Buffer.from('|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n')

/** The same values as Redis (`debugCommand`). */
const values: ReadonlyMap<string, (reply: ReplyWriter) => void> = new Map([
  ['string', (reply: ReplyWriter) => reply.bulkText('Hello World')],
  ['integer', (reply: ReplyWriter) => reply.integer(12_345)],
  ['double', (reply: ReplyWriter) => reply.double(3141 / 1000)],
  ['bignum', (reply: ReplyWriter) => reply.bigNumber(BIG_NUMBER)],
  ['null', (reply: ReplyWriter) => reply.null()],
  ['array', array],
  ['set', set],
  ['map', map],
  ['attrib', attribute],
  ['push', push],
  ['verbatim', (reply: ReplyWriter) => reply.verbatim('txt', 'This is a verbatim\nstring')],
  ['true', (reply: ReplyWriter) => reply.boolean(true)],
  ['false', (reply: ReplyWriter) => reply.boolean(false)],
])

export const protocolTypes: readonly string[] = [...values.keys()]

export function writeProtocolType({ args, reply }: Context): void {
  const write = values.get(args.latin1(2).toLowerCase())
  if (write !== undefined) write(reply)
  else {
    reply.error(`ERR Wrong protocol type name. Please use one of the following: ${protocolTypes.join('|')}`)
  }
}

function array(reply: ReplyWriter): void {
  reply.array(3)
  for (let i = 0; i < 3; i++) reply.integer(i)
}

function set(reply: ReplyWriter): void {
  reply.set(3)
  for (let i = 0; i < 3; i++) reply.integer(i)
}

function map(reply: ReplyWriter): void {
  reply.map(3)
  for (let i = 0; i < 3; i++) {
    reply.integer(i)
    reply.boolean(i === 1)
  }
}

function attribute(reply: ReplyWriter): void {
  if (reply.protocol === 3) reply.raw(ATTRIBUTE)
  reply.bulkText('Some real reply following the attribute')
}

function push(reply: ReplyWriter): void {
  if (reply.protocol === 2) {
    reply.error('ERR RESP2 is not supported by this command')
    return
  }
  reply.push(2)
  reply.bulkText('server-cpu-usage')
  reply.integer(42)
  reply.bulkText('Some real reply following the push reply')
}
