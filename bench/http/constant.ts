// A bare `node:http` server that answers every request with the same 32 bytes: what Node.js itself costs. A process:
// `tsx bench/http/constant.ts PORT`.

import { createServer } from 'node:http'

const BODY = 'x'.repeat(32)

createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': BODY.length })
  response.end(BODY)
}).listen(Number(process.argv[2]), '127.0.0.1')
