// The fields of the library's types that have no doc comment, which editors show.

import ts from 'typescript'

const TYPES = [
  'Config',
  'GroupConfig',
  'ClusterInput',
  'FileOriginConfig',
  'SqlOriginConfig',
  'HttpOriginConfig',
  'RedisOriginConfig',
  'TlsConfig',
  'SetOptions',
  'NodeOptions',
  'GroupStats',
  'Explanation',
]

/** @param entry the file that exports the types: a source, or a declaration file */
export function fieldsWithoutComment(entry: string): string[] {
  const program = ts.createProgram([entry], {
    strict: true,
    noEmit: true,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    skipLibCheck: true,
    resolveJsonModule: true,
    allowImportingTsExtensions: true,
    types: ['node'],
  })
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(entry) as ts.SourceFile
  const exported = new Map(
    checker
      .getExportsOfModule(checker.getSymbolAtLocation(file) as ts.Symbol)
      .map((symbol) => [symbol.name, symbol]),
  )
  const bare: string[] = []
  const visit = (type: ts.Type, path: string): void => {
    for (const field of checker.getNonNullableType(type).getProperties()) {
      const place = `${path}.${field.name}`
      const text = ts.displayPartsToString(field.getDocumentationComment(checker))
      if (text === '') bare.push(place)
      if (path === 'ClusterInput' && ['dns', 'etcd'].includes(field.name))
        visit(checker.getTypeOfSymbol(field), place)
    }
  }
  for (const name of TYPES) {
    const symbol = exported.get(name)
    if (symbol === undefined) throw new Error(`${name} is not exported`)
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    visit(checker.getDeclaredTypeOfSymbol(target), name)
  }
  return bare
}
