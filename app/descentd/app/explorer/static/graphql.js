// GraphiQL with the operation that the page has chosen. What is written there is sent to this address, in the session
// of this browser.
const place = document.querySelector("#graphiql");
const { document: query, variables } = place.dataset;

async function ask({ query, variables, operationName }, { headers = {} } = {}) {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json", ...headers },
    body: JSON.stringify({ query, variables, operationName }),
  });
  return answer.json();
}

ReactDOM.createRoot(place).render(
  React.createElement(GraphiQL, { fetcher: ask, query, variables, shouldPersistHeaders: false }),
);
