import { Decoder, GlideClient, Logger, ProtocolVersion } from '@valkey/valkey-glide'
import { type ClientLibrary, clientContract } from '../contracts/client.contract.ts'

// It logs every error reply, too.
Logger.init('off')

function glide(protocol: 2 | 3): ClientLibrary {
  return {
    name: 'valkey-glide',
    libName: 'GlideJS',
    protocol,
    message: (error) =>
      error.startsWith('ERR ') ? `ResponseError: ${error.slice(4)}` : error.replace(' ', ': '),
    async connect({ port, index, password }) {
      const client = await GlideClient.createClient({
        addresses: [{ host: '127.0.0.1', port }],
        databaseId: index,
        credentials: password === undefined ? undefined : { password },
        protocol: protocol === 2 ? ProtocolVersion.RESP2 : ProtocolVersion.RESP3,
        requestTimeout: 10_000,
        inflightRequestsLimit: 10_000,
      })
      return {
        call: (...command) => client.customCommand([...command]),
        getBytes: async (key) => (await client.get(key, { decoder: Decoder.Bytes })) as Buffer | null,
        close: () => client.close(),
      }
    },
  }
}

clientContract(glide(3))
clientContract(glide(2))
