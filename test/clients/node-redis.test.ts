import { createClient, RESP_TYPES } from 'redis'
import { type ClientLibrary, clientContract } from '../contracts/client.contract.ts'

function nodeRedis(protocol: 2 | 3): ClientLibrary {
  return {
    name: 'node-redis',
    libName: 'node-redis',
    protocol,
    message: (error) => error,
    async connect({ port, index, password }) {
      const socket = { port, host: '127.0.0.1', reconnectStrategy: false } as const
      const client = createClient({ socket, database: index, password, RESP: protocol })
      client.on('error', () => undefined)
      await client.connect()
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
      return {
        call: (...command) => client.sendCommand(command),
        getBytes: (key) => bytes.get(key),
        close: () => client.destroy(),
      }
    },
  }
}

clientContract(nodeRedis(3))
clientContract(nodeRedis(2))
