// node-postgres with the URL as it was given: `query.mjs URL NAMED`, NAMED is 1 where prepared statements may be named.
import pg from "pg";

const [url, named] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 4 });

async function ask(number) {
  const query = { text: "SELECT session_user AS login, $1::int AS number", values: [number] };
  if (named === "1") query.name = "ask";
  const { rows } = await pool.query(query);
  if (rows[0].number !== number) throw new Error(`asked for ${number}, got ${rows[0].number}`);
  return rows[0].login;
}

try {
  const logins = await Promise.all([...Array(24).keys()].map(ask));
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("CREATE TEMPORARY TABLE of_node (i int) ON COMMIT DROP");
  await client.query("COMMIT");
  client.release();
  console.log([...new Set(logins)].join());
} catch (error) {
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await pool.end();
}
