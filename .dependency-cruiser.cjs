// The floors of the design: a folder imports only from floors below its own, and nothing goes in circles.

const { readdirSync } = require('node:fs')
const { join } = require('node:path')

/** Lowest first; folders on one floor do not know each other. */
const floors = [
  ['bytes'],
  ['resp', 'store'],
  ['telemetry', 'tls', 'access'],
  ['group'],
  ['origin', 'cluster'],
  ['commands'],
  ['execution'],
  ['server', 'http'],
  ['config'],
  ['embedding'],
]

/** The rooms inside `src/cluster`, lowest first; `cluster.ts` and its neighbours join them. */
const clusterFloors = [['ring', 'membership'], ['links'], ['liveness'], ['ownership', 'copies'], ['handover']]

/** The top floor: the composition root, the node, the command line and the face of the library. */
const roof = ['parts', 'node', 'main', 'index']

/** Folders that must not know of sockets. */
const socketless = ['bytes', 'resp', 'store', 'access', 'group', 'commands', 'execution']

/** A folder with more files than this at its top level is to be split. */
const MAX_FILES = 15

const folders = floors.flat()
const inFolders = (names, within = '') => `^src/${within}(${names.join('|')})/`

/** One rule per folder: inside src it reaches itself and the floors below, nothing else. */
const floorRules = floors.flatMap((names, floor) =>
  names.map((name) => ({
    name: `floor-${floor}-${name}`,
    severity: 'error',
    comment: `src/${name} imports only from itself and from floors below ${floor}`,
    from: { path: inFolders([name]) },
    to: { path: '^src/', pathNot: inFolders([name, ...floors.slice(0, floor).flat()]) },
  })),
)

/** The same within `src/cluster`. */
const clusterRules = clusterFloors.flatMap((names, floor) =>
  names.map((name) => {
    const reached = inFolders([name, ...clusterFloors.slice(0, floor).flat()], 'cluster/')
    return {
      name: `cluster-floor-${floor}-${name}`,
      severity: 'error',
      comment: `src/cluster/${name} imports only from itself, from rooms below, and what all share`,
      from: { path: `^src/cluster/${name}/` },
      to: { path: '^src/cluster/', pathNot: [reached, '^src/cluster/(log|member|waiters)\\.ts$'] },
    }
  }),
)

/** Folders of src, at any depth, with too many files at their top level. */
function crowded(folder) {
  const entries = readdirSync(folder, { withFileTypes: true })
  const below = entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => crowded(join(folder, name)))
  return entries.filter((entry) => entry.isFile()).length > MAX_FILES ? [folder, ...below] : below
}

const crowdedFolders = crowded(join(__dirname, 'src'))
if (crowdedFolders.length > 0)
  throw new Error(`more than ${MAX_FILES} files at the top level of: ${crowdedFolders.join(', ')}`)

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...floorRules,
    ...clusterRules,
    {
      name: 'liveness-interface',
      severity: 'error',
      comment:
        'the rest of src uses the detector, its events and its messages, so that another protocol can replace it',
      from: { path: '^src/', pathNot: '^src/cluster/liveness/' },
      to: { path: '^src/cluster/liveness/', pathNot: '/(detector|events|majority|state)\\.ts$' },
    },
    {
      name: 'known-folders',
      severity: 'error',
      comment: 'every source file is in a folder of the design or is one of the files of the top floor',
      from: { path: '^src/', pathNot: [inFolders([...folders, 'cli']), `^src/(${roof.join('|')})\\.ts$`] },
      to: {},
    },
    {
      name: 'entries-stand-on-top',
      severity: 'error',
      comment: 'nothing knows of the command line or of the face of the library',
      from: { path: '^src/', pathNot: '^src/(cli/|(main|index)\\.ts$)' },
      to: { path: '^src/(cli/|(main|index)\\.ts$)' },
    },
    {
      name: 'no-sockets-below-the-server',
      severity: 'error',
      comment: 'protocol, store, groups and commands work on bytes, whoever carries them',
      from: { path: inFolders(socketless) },
      to: { dependencyTypes: ['core'], path: '^(node:)?(net|tls|dgram|http|http2|https)$' },
    },
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'types count too',
      from: {},
      to: { circular: true },
    },
    {
      name: 'source-stands-alone',
      severity: 'error',
      comment: 'src never imports test or bench',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'source-has-its-dependencies',
      severity: 'error',
      comment: 'what src imports is installed with the package',
      // The page of the dashboard is bundled: what it imports is within the package.
      from: { path: '^src/', pathNot: '^src/http/dashboard/app/' },
      // Clients of databases are optional peers: here for the tests, elsewhere installed by who needs them.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
