// Clients that write all their requests before they read a reply: redis-py and phpredis. As with redis-server, they are served.

import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Running, start } from '../support/cli.ts'
import { compiledProgram } from '../support/compiled.ts'
import { describeIfFound, execute, findExecutable } from '../support/executable.ts'

let node: Running
beforeAll(async () => {
  node = await start(['--maxmemory', '256mb'], { program: compiledProgram() })
})
afterAll(() => node?.child.kill('SIGKILL'))

/** The program if it has the library: `args` succeed. */
function having(args: readonly string[], ...paths: readonly (string | undefined)[]): string | undefined {
  return paths.find((path) => path !== undefined && spawnSync(path, args, { stdio: 'ignore' }).status === 0)
}

const python = having(['-c', 'import redis'], findExecutable('python3'), '/usr/bin/python3')
const php = having(['-r', "exit(extension_loaded('redis') ? 0 : 1);"], findExecutable('php'))

/** Runs a program that prints what it has seen. */
async function output(path: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await execute(path, args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trim()
}

const PYTHON_GETS = `
import redis, sys
r = redis.Redis(port=int(sys.argv[1]))
r.set('k', 'x' * 1024)
p = r.pipeline(transaction=False)
for _ in range(300000): p.get('k')
replies = p.execute()
print(len(replies), all(len(v) == 1024 for v in replies))
`

const PYTHON_LARGE = `
import redis, sys
r = redis.Redis(port=int(sys.argv[1]))
size = 16 * 1024 * 1024
r.set('large', 'x' * size)
p = r.pipeline(transaction=False)
p.get('large'); p.set('large', 'y' * size); p.get('large')
first, done, second = p.execute()
print(len(first) == size and first[:1] == b'x', done, len(second) == size and second[-1:] == b'y')
`

const PHP = `
$r = new Redis();
$r->connect('127.0.0.1', (int) $argv[1]);
$r->set('k', str_repeat('x', 1024));
$p = $r->pipeline();
for ($i = 0; $i < 100000; $i++) $p->get('k');
$replies = $p->exec();
$size = 16 * 1024 * 1024;
$r->set('large', str_repeat('x', $size));
$p = $r->pipeline();
$p->get('large');
$p->set('large', str_repeat('y', $size));
[$first, $done] = $p->exec();
echo count($replies), ' ', strlen($replies[99999]), ' ', strlen($first) === $size ? 'whole' : 'cut', ' ', var_export($done, true);
`

describeIfFound(python, 'redis-py', 'python3 with redis', 'redis-py', (path) => {
  test('a pipeline of 300,000 GETs of 1 KiB', async () => {
    expect(await output(path, ['-c', PYTHON_GETS, String(node.port)])).toBe('300000 True')
  })

  test('GET of 16 MB, then SET of 16 MB', async () => {
    expect(await output(path, ['-c', PYTHON_LARGE, String(node.port)])).toBe('True True True')
  })
})

describeIfFound(php, 'phpredis', 'php with the redis extension', 'phpredis', (path) => {
  test('long pipelines, and GET of 16 MB, then SET of 16 MB', async () => {
    const args = ['-d', 'memory_limit=1G', '-r', PHP, '--', String(node.port)]
    expect(await output(path, args)).toBe('100000 1024 whole true')
  })
})
