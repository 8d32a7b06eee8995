// Compiles the sources and the dashboard's page to dist/, where TypeScript is installed: what `npm ci`, `npm start` and `npm run build` run.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** The path of the compiler; `undefined` after `npm ci --omit=dev`. */
function findCompiler() {
  try {
    return require.resolve('typescript/bin/tsc')
  } catch {
    return undefined
  }
}

/** The dashboard's page. Everything else works without it. */
async function buildPage() {
  const { buildDashboard } = await import('./src/http/dashboard/app/build.mjs')
  try {
    await buildDashboard()
  } catch (error) {
    // The program that esbuild runs is an optional package for each system.
    if (!/is needed by esbuild/.test(error.message)) throw error
    console.error('esbuild is not complete (npm ci --omit=optional?): the page of the dashboard is not built')
  }
}

const compiler = findCompiler()
const isInstalling = process.env.npm_lifecycle_event === 'prepare'

if (compiler !== undefined) {
  // Before the compiler, which ends the process.
  await buildPage()
  process.argv = [process.argv[0], compiler, '-b', 'tsconfig.build.json']
  require(compiler)
} else if (existsSync('dist/main.js')) {
  if (isInstalling) console.log('TypeScript is not installed: dist/ is used as it is')
} else {
  console.error(
    'TypeScript is not installed and there is no dist/ yet: run npm ci without --omit=dev, which compiles it',
  )
  // An installation without dist/ is complete: dist/ may be copied into it later.
  process.exitCode = isInstalling ? 0 : 1
}
