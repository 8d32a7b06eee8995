// The examples of the documentation with PostgreSQL.

import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run, start } from '../support/cli.ts'
import { describeWithExecutable } from '../support/executable.ts'
import { poll } from '../support/poll.ts'
import { describeWithPostgres } from '../support/postgres.ts'
import { allBlocks, project, shellCommands } from './markdown.ts'

const setups = allBlocks('postgres').filter(({ options }) => options === 'setup')
const sessions = allBlocks('postgres').filter(({ options }) => options === 'session')

describeWithExecutable('psql', 'with a PostgreSQL', () => {
  describeWithExecutable('redis-cli', 'and a client', () => {
    describeWithPostgres('commands', (postgres) => {
      // The files of a clone, so that a configuration can be written beside them.
      const clone = mkdtempSync(join(tmpdir(), 'erinys-clone-'))
      beforeAll(() => {
        for (const name of ['package.json', 'build.mjs', 'src', 'tsconfig.json', 'tsconfig.build.json'])
          cpSync(join(project, name), join(clone, name), { recursive: true })
        symlinkSync(join(project, 'node_modules'), join(clone, 'node_modules'))
      })
      afterAll(() => rmSync(clone, { recursive: true }))

      test.each(setups)('of $page serve rows, and see their changes', async ({ page, text }) => {
        await postgres().run('drop table if exists users')
        const env = { PATH: process.env.PATH ?? '', DATABASE_URL: postgres().url }
        const script = text.replace(/^export DATABASE_URL=.*$/m, '')
        const [prepare, npm] = script.split(/^npm start -- (.*)$/m)
        const { code, stderr } = await run(['-c', prepare], { cwd: clone, env, program: ['sh', '-e'] })
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

        // `npm start` has compiled the sources for the trigger; npm itself would not pass signals on.
        const program = [process.execPath, join(clone, 'dist', 'main.js'), ...npm.split(' ')] as const
        const node = await start([], { cwd: clone, env, program })
        const session = sessions.find((each) => each.page === page)
        for (const { command, shown } of shellCommands(session?.text ?? '')) {
          const line = command.replace('redis-cli -p 7000', `redis-cli --no-raw -p ${node.port}`)
          const answer = async (): Promise<string> =>
            (await run(['-c', line], { env, program: ['sh', '-e'] })).stdout
          // A change notification arrives some time later.
          await poll(async () => (await answer()) === shown, `${command}: ${shown}`)
        }
        node.child.kill('SIGTERM')
        expect((await node.outcome).code).toBe(0)
      })
    })
  })
})
