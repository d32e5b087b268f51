// Relay: what its compiler made of a pagination fragment over `impact` is run against a real server, page after page.
import relay from 'relay-runtime'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { MANIFEST, REGISTER, ask, check } from './operations.mjs'

const [url, artifacts] = process.argv.slice(2)
const { Environment, Network, RecordSource, Store, createOperationDescriptor, getSingularSelector } = relay
const load = createRequire(join(artifacts, 'index.js'))
const artifact = (name) => load(`./${name}.graphql.js`)
let sent = 0
const network = Network.create(async (request, variables) => {
  sent += 1
  return { data: await ask(url, request.text, variables) }
})
const environment = new Environment({ network, store: new Store(new RecordSource()) })
await ask(url, REGISTER, { manifest: MANIFEST })

const execute = (name, variables) =>
  new Promise((resolve, reject) => {
    const operation = createOperationDescriptor(artifact(name), variables)
    environment.execute({ operation }).subscribe({ complete: () => resolve(operation), error: reject })
  })
const shown = (operation) => {
  const whole = environment.lookup(operation.fragment).data
  const fragment = artifact('ImpactAffectedPage_query')
  return environment.lookup(getSingularSelector(fragment, whole)).data.impact.affected
}

const of = ['dataset:d@1#p']
let operation = await execute('ImpactAffectedPageQuery', { of, count: 2, cursor: null })
const first = operation
let page = shown(operation)
while (page.pageInfo.hasNextPage) {
  await execute('ImpactAffectedPageRefetch', { of, count: 2, cursor: page.pageInfo.endCursor })
  page = shown(first) // all pages so far, as usePaginationFragment has them
}
const all = await ask(url, 'query ($of: [Ref!]!) { impact(of: $of) { affected(first: 100) { edges { distance node { id ref } } } } }', { of })
const pick = (edges) => edges.map(({ distance, node }) => ({ distance, id: node.id, ref: node.ref }))
check(pick(page.edges), pick(all.impact.affected.edges), 'Relay, all pages')
process.stdout.write(JSON.stringify({ listed: page.edges.length, sent }) + '\n')
