// PostGraphile 5 over the catalogue's tables, lists instead of connections, as the gateway's own schema has it.
// PORT, and PGHOST, PGUSER, PGDATABASE of a role that sees every row.
import { createServer } from "node:http";
import { grafserv } from "postgraphile/grafserv/node";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import pg from "pg";

const pool = new pg.Pool({ max: 10 });
const preset = {
  extends: [PostGraphileAmberPreset],
  disablePlugins: ["MutationPlugin", "SubscriptionPlugin"],
  schema: { defaultBehavior: "-connection +list -insert -update -delete", pgForbidSetofFunctionsToReturnNull: false },
  pgServices: [makePgService({ pool, schemas: ["vectorgate"] })],
  grafserv: { graphqlPath: "/graphql", graphiql: false, websockets: false, watch: false },
  grafast: { explain: false },
};
const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), "127.0.0.1");
