// The configuration of the node in compose.yaml.

import { defineConfig, sql } from 'erinys'

export default defineConfig({
  groups: {
    users: {
      maxBytes: '64mb',
      ttl: '5m',
      origin: sql({
        url: process.env.POSTGRES_URL ?? '',
        keys: 'user:{id:int}',
        query: 'select name, email from users where id = $1',
        batchQuery: 'select id, name, email from users where id = any($1)',
      }),
    },
    sessions: { maxBytes: '64mb' },
  },
})
