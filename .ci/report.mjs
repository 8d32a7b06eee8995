// Reads JSON reports of Vitest: `failed REPORT` prints the files with failed tests, one per line; `summary REPORT…` prints
// the failed tests with their messages, then the totals. The reports `*.again.json` are of files that ran a second time.

import { readFileSync } from 'node:fs'
import { basename, relative } from 'node:path'

const MESSAGE_LINES = 12

const [task, ...paths] = process.argv.slice(2)
const reports = paths.map((path) => ({
  name: basename(path, '.json'),
  ...JSON.parse(readFileSync(path, 'utf8')),
}))

function failuresOf({ testResults }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative('.', name)
    const tests = assertionResults
      .filter((test) => test.status === 'failed')
      .map(({ fullName, failureMessages }) => ({ file, test: fullName, message: failureMessages.join('\n') }))
    // A file that could not be loaded, or whose hooks failed, has no failed test.
    return tests.length === 0 && status === 'failed' ? [{ file, test: '(the file)', message }] : tests
  })
}

if (task === 'failed') {
  console.log([...new Set(reports.flatMap(failuresOf).map(({ file }) => file))].join('\n'))
} else {
  for (const report of reports) {
    for (const { file, test, message } of failuresOf(report)) {
      console.log(`FAILED in ${report.name}: ${file} > ${test}`)
      console.log(`    ${message.split('\n').slice(0, MESSAGE_LINES).join('\n    ')}`)
    }
  }
  const first = reports.filter(({ name }) => !name.endsWith('.again'))
  const sum = (field) => first.reduce((total, report) => total + report[field], 0)
  console.log(
    `${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed, ${sum('numPendingTests')} skipped`,
  )
}
