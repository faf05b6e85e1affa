// mercurius with graphql-jit: a schema like the gateway's, a batched loader for each list, prepared statements.
// PORT, DIMENSION, DOCUMENTS (a table of key, body and vector, quoted), EF_SEARCH, and PGHOST, PGUSER, PGDATABASE of a role that sees every row.
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text); // a Date would lose the microseconds

const { PORT, DOCUMENTS, EF_SEARCH } = process.env;
const settings = "-c jit=off -c hnsw.iterative_scan=strict_order -c hnsw.ef_search=" + EF_SEARCH;
const pool = new pg.Pool({ max: 10, options: settings });

const schema = `
  type Query {
    organization(id: ID!): Organization
    search(vector: [Float!]!): [Hit!]!
  }
  type Organization { id: ID! name: String! integrations: [Integration!]! }
  type Integration { id: ID! createdAt: String! credentials: [Credential!]! }
  type Credential { id: ID! name: String! scopedDatabases: [ScopedDatabase!]! }
  type ScopedDatabase { id: ID! database: Database! }
  type Database { id: ID! name: String! }
  type Hit { similarity: Float! key: String! fields: String! }
`;

const statements = {
  organization: "select id, name from vectorgate.organization where id = $1",
  integrations: `select id, organization_id as parent, created_at as "createdAt" from vectorgate.integration
    where organization_id = any($1) order by id`,
  credentials: "select id, integration_id as parent, name from vectorgate.credential where integration_id = any($1) order by id",
  scopedDatabases: `select s.id, s.credential_id as parent, d.id as "databaseId", d.name from vectorgate.scoped_database s
    join vectorgate.database d on d.id = s.database_id where s.credential_id = any($1) order by s.id`,
  search: `select key, body::text as fields, 1 - (vector <=> $1) / 2 as similarity from ${DOCUMENTS}
    order by vector <=> $1 limit 10`,
};

async function rows(name, value) {
  return (await pool.query({ name, text: statements[name], values: [value] })).rows;
}

function lists(name) {
  return {
    opts: { cache: false },
    async loader(queries) {
      const found = new Map(queries.map(({ obj }) => [obj.id, []]));
      for (const row of await rows(name, [...found.keys()])) found.get(row.parent).push(row);
      return queries.map(({ obj }) => found.get(obj.id));
    },
  };
}

const app = Fastify();
app.register(mercurius, {
  schema,
  jit: 1,
  resolvers: {
    Query: {
      organization: async (_, { id }) => (await rows("organization", id))[0],
      search: (_, { vector }) => rows("search", `[${vector.join()}]`),
    },
    // joined by its parent's statement: a loader of its own, called for 800 scopes, takes twice the time
    ScopedDatabase: { database: ({ databaseId, name }) => ({ id: databaseId, name }) },
  },
  loaders: {
    Organization: { integrations: lists("integrations") },
    Integration: { credentials: lists("credentials") },
    Credential: { scopedDatabases: lists("scopedDatabases") },
  },
});
app.get("/ready", async () => "");
await app.listen({ port: Number(PORT), host: "127.0.0.1" });
