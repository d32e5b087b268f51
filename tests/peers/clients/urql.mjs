// urql with its normalised cache: asks everything over the network, then reads everything from the cache alone.
import { Client, fetchExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { readFileSync } from 'node:fs'
import { buildSchema, introspectionFromSchema, isObjectType } from 'graphql'
import { OPERATIONS, ask, check } from './operations.mjs'

const [url, schemaFile] = process.argv.slice(2)
const complaints = []
console.warn = console.error = (...words) => complaints.push(words.join(' '))
const schema = buildSchema(readFileSync(schemaFile, 'utf8'))
const types = Object.values(schema.getTypeMap()).filter(isObjectType)
// What has no id belongs to the question that it answers.
const keys = Object.fromEntries(types.filter((type) => !type.getFields().id).map((type) => [type.name, () => null]))
const cache = cacheExchange({ keys, schema: introspectionFromSchema(schema) })
const client = new Client({ url, exchanges: [cache, fetchExchange], preferGetMethod: false })
const answers = []
for (const [text, variables] of OPERATIONS) {
  const asked = text.startsWith('mutation')
    ? client.mutation(text, variables)
    : client.query(text, variables, { requestPolicy: 'network-only' })
  const { data, error } = await asked.toPromise()
  if (error) throw error
  answers.push(data)
}
let read = 0
for (const [place, [text, variables]] of OPERATIONS.entries()) {
  if (text.startsWith('mutation')) continue
  const { data, error } = await client.query(text, variables, { requestPolicy: 'cache-only' }).toPromise()
  if (error) throw error
  check(data, await ask(url, text, variables), `urql, operation ${place}`)
  check(data, answers[place], `urql, operation ${place}, as it was first answered`)
  read += 1
}
if (complaints.length) throw new Error(complaints.join('\n'))
process.stdout.write(JSON.stringify({ read }) + '\n')
