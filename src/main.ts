#!/usr/bin/env node
// The executable `erinys`; `cli/` has the command line.

import { loadWithFewFiles } from './cli/few-files.ts'
import { tooManyFiles } from './cli/too-many-files.ts'
import { keepYoungGenerationSmall } from './cli/young-generation.ts'

keepYoungGenerationSmall()
loadWithFewFiles()

// Imported late: hundreds of modules are opened at once, and the limit on open files may not allow that.
import('./cli/cli.ts').catch((error: Error) => {
  const reason = tooManyFiles(error)
  if (reason === undefined) throw error
  console.error(`erinys: ${reason}`)
  process.exit(1)
})
