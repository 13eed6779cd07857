// What every script here shares: its arguments, its lines of JSON, its deadline, the npm packages, and an agent that is like a browser.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

/** Where `tests/programs/install` puts what it fetches. */
export const programs = new URL('../../../target/programs/', import.meta.url);
/** `require` for the npm packages. */
export const packages = createRequire(new URL('node/package.json', programs));

/** The values of `--name value` and `--flag`; `limit` (seconds) bounds the whole script. */
export function args(options) {
  const { values } = parseArgs({ options: { limit: { type: 'string', default: '60' }, ...options } });
  setTimeout(() => {
    say({ check: 'limit', ok: false, why: `not done after ${values.limit} s` });
    process.exit(1);
  }, values.limit * 1000).unref();
  return values;
}

/** One line of JSON, for whoever started the script. */
export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Runs one check and says how it went; what it returns joins the line. A check that takes over 15 s has failed. */
export async function check(name, body) {
  let timer;
  const late = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Error('nothing within 15 s')), 15_000); });
  try {
    say({ check: name, ok: true, ...await Promise.race([body(), late]) });
  } catch (why) {
    say({ check: name, ok: false, why: String(why?.message || why) });
    process.exitCode = 1;
  } finally {
    clearTimeout(timer);
  }
}

/** Fails the check that it is in, unless it holds. */
export function need(holds, what) {
  if (!holds) throw new Error(what);
}

/** Fails the check that it is in, unless the two are the same as JSON. */
export function expect(found, wanted, what) {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  need(is === should, `${what}: ${is}, not ${should}`);
}

/** A server ends with its standard input: nobody who started it, nobody left to serve. */
export function serve(server, port, name) {
  server.listen(port, '127.0.0.1', () => say({ event: 'listening', name, port: server.address().port }));
  process.stdin.on('end', () => process.exit()).on('error', () => process.exit()).resume();
}

/** Tries again until it works, at most `seconds` long: a proxy may be on its way back. */
export async function again(seconds, body) {
  for (const until = Date.now() + seconds * 1000; ;) {
    try {
      return await body();
    } catch (why) {
      if (Date.now() > until) throw why;
      await new Promise((go) => setTimeout(go, 100));
    }
  }
}

const likeBrowser = (Agent) => class extends Agent {
  /** Cookies by name: one host is all that a script speaks to. */
  jar = new Map();

  addRequest(request, options) {
    const sent = [request.getHeader('cookie'), ...[...this.jar].map(([name, value]) => `${name}=${value}`)].flat().filter(Boolean);
    if (sent.length > 0) request.setHeader('cookie', sent.join('; '));
    const keep = (response) => {
      for (const cookie of response.headers['set-cookie'] ?? []) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        this.jar.set(name.trim(), value);
      }
    };
    request.prependListener('response', keep).prependListener('upgrade', keep);
    super.addRequest(request, options);
  }
};
const agents = { http: likeBrowser(http.Agent), https: likeBrowser(https.Agent) };

/** An agent that finds every host at `address`, trusts only the authority in the file `ca`, and keeps cookies as a browser does. */
export function agent(url, { address = '127.0.0.1', ca } = {}) {
  const found = { address, family: address.includes(':') ? 6 : 4 };
  const lookup = (_host, options, done) => (options.all ? done(null, [found]) : done(null, found.address, found.family));
  const secure = /^(https|wss):/.test(url);
  return new agents[secure ? 'https' : 'http']({ lookup, ...(ca && { ca: readFileSync(ca) }) });
}
