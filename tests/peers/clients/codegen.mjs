// graphql-codegen: types of the schema and of operations, which the compiler of TypeScript then takes.
import { codegen } from '@graphql-codegen/core'
import * as operations from '@graphql-codegen/typescript-operations'
import * as schemaTypes from '@graphql-codegen/typescript'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSchema, parse, printSchema } from 'graphql'
import { OPERATIONS } from './operations.mjs'

const [schemaFile, folder] = process.argv.slice(2)
const schema = buildSchema(readFileSync(schemaFile, 'utf8'))
const texts = [...new Set(OPERATIONS.map(([text]) => text))]
const config = { strictScalars: true, scalars: { DateTime: 'string', Ref: 'string', Digest: 'string', Count: 'number', JSON: 'unknown' } }
for (const name of Object.keys(schema.getTypeMap())) {
  const type = schema.getType(name)
  if (type.astNode?.kind === 'ScalarTypeDefinition') config.scalars[name] ??= 'unknown'
}
const documents = texts.map((text, place) => ({ location: `${place}.graphql`, document: parse(text) }))
for (const [filename, plugin] of [['schema.ts', schemaTypes], ['operations.ts', operations]]) {
  const given = { filename, schema: parse(printSchema(schema)), schemaAst: schema, documents, config }
  writeFileSync(join(folder, filename), await codegen({ ...given, plugins: [{ it: {} }], pluginMap: { it: plugin } }))
}
writeFileSync(
  join(folder, 'use.ts'),
  `import type { LineageQuery } from './operations'
import type { ModelVersion } from './schema'
export const farthest = (answer: LineageQuery): number =>
  Math.max(...(answer.lineage?.nodes ?? []).map((node) => node.distance))
export const named = (version: ModelVersion): string => version.name
`,
)
