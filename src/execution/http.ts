// Recognizes HTTP requests that were sent to the port of the Redis protocol: a page in a browser, or a server that an
// attacker can make send requests, could run the lines of a body as commands (cross-protocol scripting).

import { equalsUpper } from '../bytes/ascii.ts'
import type { Args } from '../resp/args.ts'

const HOST = 'HOST:'

/** Whether a request is the line `POST …` or `Host: …` of an HTTP request (Redis: `securityWarningCommand`). */
export function isHttp(args: Args): boolean {
  if (args.is(0, 'POST')) return true
  const { buf, start } = args
  // The header's value may follow the colon without a space.
  return args.length(0) >= HOST.length && equalsUpper(buf, start[0], start[0] + HOST.length, HOST)
}
