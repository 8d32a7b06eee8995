// Recognizes HTTP requests that were sent to the port of the Redis protocol: a page in a browser, or a server that an
// attacker can make send requests, would have commands run that are lines of the body (cross-protocol scripting).

import type { Args } from '../resp/args.ts'

const HOST = Buffer.from('HOST:')

/** Whether a request is the line `POST …` or `Host: …` of an HTTP request (Redis: `securityWarningCommand`). */
export function isHttp(args: Args): boolean {
  return args.is(0, 'POST') || (args.length(0) >= HOST.length && startsWithHost(args))
}

/** The value may follow without a space. */
function startsWithHost({ buf, start }: Args): boolean {
  for (let i = 0; i < HOST.length; i++) if (upperCase(buf[start[0] + i]) !== HOST[i]) return false
  return true
}

function upperCase(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte
}
