// A plain Fastify that answers a route with the same 32 bytes. A process: `tsx bench/http/fastify.ts PORT`.

import { createRequire } from 'node:module'

/** As much of Fastify as is used: it is no dependency, but found where NODE_PATH says. */
interface Fastify {
  get(path: string, handler: (request: unknown, reply: { type(type: string): void }) => Promise<string>): void
  listen(options: { readonly port: number; readonly host: string }): Promise<string>
}

const BODY = 'x'.repeat(32)

const { fastify } = createRequire(import.meta.url)('fastify') as { fastify: () => Fastify }
const server = fastify()
server.get('/cache/:group/:key', async (_, reply) => {
  reply.type('application/octet-stream')
  return BODY
})
await server.listen({ port: Number(process.argv[2]), host: '127.0.0.1' })
