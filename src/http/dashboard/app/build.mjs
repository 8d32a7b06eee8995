// Bundles the dashboard's page into one script and one style sheet.

import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const APP = fileURLToPath(new URL('./', import.meta.url))
const OUTPUT = fileURLToPath(new URL('../../../../dist/http/dashboard/assets/', import.meta.url))

/** Both are under the MIT licence, which wants to be named. */
const BANNER = '/* Contains preact (c) Jason Miller and uPlot (c) Leon Sorokin, MIT licence. */'

export async function buildDashboard(folder = OUTPUT) {
  mkdirSync(folder, { recursive: true })
  await build({
    entryPoints: { app: join(APP, 'main.tsx') },
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
    banner: { js: BANNER },
    legalComments: 'none',
    logLevel: 'warning',
  })
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(APP, name), join(folder, name))
}
