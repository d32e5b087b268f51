// What every client asks, in this order: the same records by questions that say different things about them.
// A cache that goes by type and id must give back each answer as the server gave it, whatever was asked since.
const digest = (number) => 'sha256:' + String(number).repeat(64)

const version = (number, more) => ({ name: 'm', version: String(number), config: { depth: number }, ...more })

export const REGISTER = `mutation Register($manifest: ManifestInput!) {
  register(manifest: $manifest) { created records { __typename id ref kind recordedBy } }
}`

export const MANIFEST = {
  datasets: [{ name: 'd', version: '1', partitions: [{ name: 'p', digest: digest(1) }] }],
  models: [
    version(1, { trainedOn: [{ ref: 'dataset:d@1#p', role: 'TRAIN' }] }),
    ...[2, 3, 4].map((number) => version(number, { parents: [{ ref: `model:m@${number - 1}`, relation: 'FINE_TUNE' }] })),
  ],
}

const LINEAGE = `query Lineage($of: Ref!, $direction: Direction!) {
  lineage(of: $of, direction: $direction) {
    nodes { ref kind distance node { __typename id ref kind } }
    edges { source target role relation }
  }
}`

const IMPACT = `query Impact($of: [Ref!]!, $first: Int, $after: String) {
  impact(of: $of) {
    counts { kind count }
    affected(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor distance node { __typename id ref kind } via { ref role } }
    }
  }
}`

const ENTITIES = `query Entities($refs: [Ref!]!) {
  entities(refs: $refs) { __typename id ref ... on ModelVersion { version parents { relation node { __typename id ref } } } }
}`

const ENTITY = `query Entity($ref: Ref!) {
  entity(ref: $ref) { __typename id ref kind recordedBy ... on ModelVersion { name version parents { relation node { __typename id ref } } } }
}`

const FLAG = `mutation Flag($input: FlagInput!) {
  flag(input: $input) { id record { __typename id ref kind recordedBy } }
}`

export const OPERATIONS = [
  [REGISTER, { manifest: MANIFEST }],
  [FLAG, { input: { subjects: ['model:m@1'], action: 'REVIEW', reason: 'Look at it.' } }],
  // The first version is at distance 3 of one question, at 1 of another, and at 0 of a third.
  [LINEAGE, { of: 'model:m@4', direction: 'ANCESTORS' }],
  [LINEAGE, { of: 'model:m@2', direction: 'ANCESTORS' }],
  [LINEAGE, { of: 'model:m@1', direction: 'DESCENDANTS' }],
  [IMPACT, { of: ['dataset:d@1#p'], first: 2 }],
  [IMPACT, { of: ['model:m@2'], first: 2 }],
  // Records that the mutation gave back, then as entities with more fields.
  [ENTITY, { ref: 'model:m@1' }],
  [ENTITY, { ref: 'model:m@4' }],
  [ENTITY, { ref: 'dataset:d@1#p' }],
  // Many at once, one of them unknown.
  [ENTITIES, { refs: ['model:m@4', 'model:m@9', 'dataset:d@1', 'model:m@1'] }],
]

export async function ask(url, query, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  })
  const answer = await response.json()
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

// Without the names of types that clients add to every selection, and with keys in one order.
export function plain(value) {
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  const keys = Object.keys(value).filter((key) => key !== '__typename').sort()
  return Object.fromEntries(keys.map((key) => [key, plain(value[key])]))
}

export function check(found, expected, what) {
  const [one, other] = [found, expected].map((value) => JSON.stringify(plain(value)))
  if (one !== other) throw new Error(`${what}\n  from the cache: ${one}\n  from the server: ${other}`)
}
