// Apollo Client: asks everything over the network, then reads everything from its cache alone.
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { OPERATIONS, ask, check } from './operations.mjs'

const [url] = process.argv.slice(2)
const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: url }) })
const answers = []
for (const [text, variables] of OPERATIONS) {
  const document = gql(text)
  const isMutation = text.startsWith('mutation')
  const { data, error } = isMutation
    ? await client.mutate({ mutation: document, variables })
    : await client.query({ query: document, variables, fetchPolicy: 'network-only' })
  if (error) throw error
  answers.push(data)
}
let read = 0
for (const [place, [text, variables]] of OPERATIONS.entries()) {
  if (text.startsWith('mutation')) continue
  const { data, error } = await client.query({ query: gql(text), variables, fetchPolicy: 'cache-only' })
  if (error) throw error
  check(data, await ask(url, text, variables), `Apollo, operation ${place}`)
  check(data, answers[place], `Apollo, operation ${place}, as it was first answered`)
  read += 1
}
// A record is in the cache once, whether a mutation, an entity or a lineage gave it.
const held = client.cache.extract()
const first = answers[0].register.records.find((record) => record.ref === 'model:m@1')
const same = Object.values(held).filter((one) => one.id === first.id)
if (same.length !== 1) throw new Error(`${first.ref} is in the cache ${same.length} times: ${JSON.stringify(same)}`)
if (same[0].recordedBy !== first.recordedBy || same[0].version !== '1') throw new Error(JSON.stringify(same[0]))
process.stdout.write(JSON.stringify({ read }) + '\n')
