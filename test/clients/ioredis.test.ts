import { Redis } from 'ioredis'
import { type ClientLibrary, clientContract } from '../contracts/client.contract.ts'

function ioredis(protocol: 2 | 3): ClientLibrary {
  return {
    name: 'ioredis',
    libName: 'ioredis',
    protocol,
    message: (error) => error,
    async connect({ port, index, password }) {
      const client = new Redis(port, {
        db: index,
        password,
        protocol,
        lazyConnect: true,
        retryStrategy: null,
      })
      const refused = new Promise<never>((_, reject) => client.once('error', reject))
      await Promise.race([client.connect(), refused])
      return {
        call: (name, ...args) => client.call(String(name), args),
        getBytes: (key) => client.getBuffer(key),
        close: () => client.disconnect(),
      }
    },
  }
}

clientContract(ioredis(3))
clientContract(ioredis(2))
