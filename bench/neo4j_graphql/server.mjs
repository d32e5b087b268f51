// A GraphQL server over a Neo4j that Descent has filled: `node server.mjs bolt://…` prints its address.
// What is asked of it is written the way its documentation advises: relationships as fields, a walk as a @cypher field.

import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { Neo4jGraphQL } from "@neo4j/graphql";
import neo4j from "neo4j-driver";

const influence = process.argv[3];
const typeDefs = `#graphql
  type Record @node {
    label: String
    seq: Int!
    affected: Int! @cypher(
      statement: "MATCH (this)<-[:${influence}*1..]-(x) WITH DISTINCT x RETURN count(x) AS total"
      columnName: "total"
    )
  }
  type ModelVersion @node(labels: ["Record", "ModelVersion"]) {
    id: String!
    label: String
    name: String
    version: String
    parents: [ModelVersion!]! @relationship(type: "DERIVED_FROM", direction: OUT)
    trainedOn: [Record!]! @relationship(type: "TRAINED_ON", direction: OUT)
  }
`;

const driver = neo4j.driver(process.argv[2]);
const schema = await new Neo4jGraphQL({ typeDefs, driver }).getSchema();
const server = new ApolloServer({ schema, includeStacktraceInErrorResponses: false });
const { url } = await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: 0 },
  context: async () => ({ driver }),
});
console.log(url);
