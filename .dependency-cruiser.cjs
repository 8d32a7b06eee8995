// The floors of the design: a folder imports only from floors below its own, and nothing goes in circles.

/** Lowest first; folders on one floor do not know each other. */
const floors = [
  ['bytes'],
  ['resp', 'store'],
  ['group'],
  ['origin', 'cluster'],
  ['commands'],
  ['server', 'http'],
]

/** Files of the top floor, which may import from every floor. */
const roof = [
  'readers',
  'settings',
  'group-config',
  'origin-config',
  'origin-schema',
  'origin-readers',
  'cluster-settings',
  'cluster-config',
  'config',
  'config-file',
  'log',
  'report',
  'local-nodes',
  'version',
  'node',
  'main',
  'index',
]

/** Rooms that must not know of sockets. */
const socketless = ['bytes', 'resp', 'store', 'group', 'commands']

const rooms = floors.flat()
const inRooms = (names) => `^src/(${names.join('|')})/`

/** One rule per room: inside src it reaches itself and the floors below, nothing else. */
const floorRules = floors.flatMap((folders, floor) =>
  folders.map((folder) => ({
    name: `floor-${floor}-${folder}`,
    severity: 'error',
    comment: `src/${folder} imports only from itself and from floors below ${floor}`,
    from: { path: inRooms([folder]) },
    to: { path: '^src/', pathNot: inRooms([folder, ...floors.slice(0, floor).flat()]) },
  })),
)

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...floorRules,
    {
      name: 'known-rooms',
      severity: 'error',
      comment: 'every source file is in a room of the design or is one of the files of the top floor',
      from: { path: '^src/', pathNot: [inRooms(rooms), `^src/(${roof.join('|')})\\.ts$`] },
      to: {},
    },
    {
      name: 'entries-stand-on-top',
      severity: 'error',
      comment: 'nothing knows of the command line or of the face of the library',
      from: { path: '^src/', pathNot: '^src/(main|index)\\.ts$' },
      to: { path: '^src/(main|index)\\.ts$' },
    },
    {
      name: 'no-sockets-below-the-server',
      severity: 'error',
      comment: 'protocol, store, groups and commands work on bytes, whoever carries them',
      from: { path: inRooms(socketless) },
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
      from: { path: '^src/' },
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
