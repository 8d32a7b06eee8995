// The diagnostic report of Node.js about this process, without secrets.

import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kebabName } from '../bytes/names.ts'
import { clusterSettingNames, clusterSettings } from '../config/cluster-settings.ts'
import { secret } from '../config/readers.ts'
import { settingNames, settings } from '../config/settings.ts'
import { version } from '../config/version.ts'

/** Flags whose values are secret. */
const SECRET_FLAGS: ReadonlySet<string> = new Set(
  [
    ...settingNames.filter((name) => (settings[name].reads as unknown) === secret),
    ...clusterSettingNames.filter((name) => (clusterSettings[name].reads as unknown) === secret),
  ].map((name) => `--${kebabName(name)}`),
)

/** The folders to try: `--report-directory`, the working directory, which may be read-only, and `/tmp`. */
function folders(): readonly string[] {
  return [process.report.directory || process.cwd(), tmpdir()]
}

/**
 * Writes a report that only this user may read. Returns its path.
 * @throws Error if it cannot be written anywhere
 */
export function writeReport(now: Date, into: readonly string[] = folders()): string {
  const text = JSON.stringify(diagnosticReport(), safe, 2)
  const time = now.toISOString().replaceAll(/[:.]/g, '-')
  let failure: unknown
  for (const folder of into) {
    const path = join(folder, `erinys-report-${time}-${process.pid}.json`)
    try {
      writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
      return path
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function diagnosticReport(): object {
  // Names of other hosts are looked up otherwise, which may take long. Not every Node.js has these.
  const options = process.report as { excludeNetwork?: boolean; excludeEnv?: boolean }
  options.excludeNetwork = true
  options.excludeEnv = true
  return { erinys: { version }, ...process.report.getReport() }
}

/**
 * Leaves out what may be secret: the environment, and values of the command line. Threads have reports of their own, within
 * that of the process.
 */
function safe(name: string, value: unknown): unknown {
  if (name === 'environmentVariables') return undefined
  return name === 'commandLine' && Array.isArray(value) ? withoutSecrets(value.map(String)) : value
}

/** Arguments with `…` for each secret: `--requirepass x` and `--requirepass=x`. */
export function withoutSecrets(args: readonly string[]): readonly string[] {
  return args.map((arg, i) => {
    const [, flag] = /^(--[\w-]+)=/.exec(arg) ?? []
    if (flag !== undefined && SECRET_FLAGS.has(flag)) return `${flag}=…`
    return i > 0 && SECRET_FLAGS.has(args[i - 1]) ? '…' : arg
  })
}
