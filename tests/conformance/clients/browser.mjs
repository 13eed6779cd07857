// A real browser (headless chromium) on a page that ws-server.mjs serves through a proxy, told what to do over DevTools.
//   browser.mjs --url https://chat.example:8443/ [--socket /ws] [--ca ca.pem] [--foreign http://evil.example:8081/] [--folder DIR] [--hold]
// Every host is at 127.0.0.1. --ca: the authority to trust, and a check that nothing is trusted without it. --foreign: a page of
// another origin, whose socket to --url must get 403. --folder: where its profiles go; they are removed in the end.
// --abrupt: the socket may end before our own close frame is through.
// --hold: no checks but one: opens a socket, says {"event":"open"}, waits until somebody else closes it, and comes back.
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { args, check, expect, need, programs, say } from './script.mjs';

const given = args({
  url: { type: 'string' }, socket: { type: 'string', default: '/ws' }, ca: { type: 'string' }, foreign: { type: 'string' },
  folder: { type: 'string', default: tmpdir() }, hold: { type: 'boolean' }, abrupt: { type: 'boolean', default: false },
});
const socketUrl = new URL(given.socket, given.url).href.replace(/^http/, 'ws');
const folder = mkdtempSync(join(given.folder, 'browser-'));
const program = (name) => fileURLToPath(new URL(`bin/${name}`, programs));

/** A browser with a home of its own, that trusts the authority or none. The pipe is its life: it ends when this script does. */
class Browser extends EventEmitter {
  #last = 0;
  #answers = new Map();

  constructor(name, ca) {
    super();
    const home = join(folder, name);
    const store = join(home, '.pki/nssdb');
    mkdirSync(store, { recursive: true });
    execFileSync(program('certutil'), ['-N', '-d', `sql:${store}`, '--empty-password']);
    if (ca) execFileSync(program('certutil'), ['-A', '-d', `sql:${store}`, '-n', 'ca', '-t', 'C,,', '-i', ca]);
    this.process = spawn(program('chromium'), [
      '--remote-debugging-pipe', `--user-data-dir=${home}/profile`, '--host-resolver-rules=MAP * 127.0.0.1',
      // Its sandbox wants root or user namespaces, neither of which a container need have; the pages are our own.
      '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run', 'about:blank',
    ], { env: { PATH: process.env.PATH, HOME: home, XDG_CACHE_HOME: join(home, 'cache') }, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.process.on('error', (why) => say({ event: 'error', why: String(why) }));
    this.process.stdio[3].on('error', () => {});
    let text = '';
    this.process.stdio[4].setEncoding('utf8').on('data', (data) => {
      const lines = (text + data).split('\0');
      text = lines.pop();
      for (const line of lines) this.#hear(JSON.parse(line));
    });
  }

  #hear({ id, result, error, method, params }) {
    if (method) this.emit(method, params);
    else if (error) this.#answers.get(id)?.fail(new Error(error.message));
    else this.#answers.get(id)?.done(result);
    this.#answers.delete(id);
  }

  send(method, params = {}) {
    const id = this.#last += 1;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, ...(this.page && { sessionId: this.page }) })}\0`);
    return new Promise((done, fail) => this.#answers.set(id, { done, fail }));
  }

  /** Opens a page; an answer is what went wrong. */
  async go(url) {
    if (!this.page) {
      const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
      this.page = (await this.send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
      await this.send('Page.enable');
      await this.send('Network.enable');
    }
    const loaded = once(this, 'Page.loadEventFired');
    const { errorText } = await this.send('Page.navigate', { url });
    if (!errorText) await loaded;
    return errorText;
  }

  /** Runs a function in the page; what it promises comes back. */
  async run(body, ...values) {
    const expression = `(${body})(...${JSON.stringify(values)})`;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async end() {
    if (this.process.exitCode !== null) return;
    const gone = once(this.process, 'exit');
    this.page = undefined;
    this.send('Browser.close').catch(() => {});
    const late = setTimeout(() => this.process.kill('SIGKILL'), 3000);
    await gone;
    clearTimeout(late);
  }
}

/** In the page: what a script there would write by hand. */
const helpers = () => {
  globalThis.connect = (url, protocols = []) => new Promise((done, fail) => {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => done(socket);
    socket.onerror = () => fail(new Error('error event'));
  });
  globalThis.ask = (socket, message) => new Promise((done) => {
    socket.onmessage = ({ data }) => done(data);
    socket.send(message);
  });
  globalThis.ending = (socket) => new Promise((done) => { socket.onclose = ({ code, wasClean }) => done({ code, wasClean }); });
  globalThis.back = async (url) => {
    for (let tries = 0; ; tries += 1) {
      try {
        const socket = await connect(url);
        return await ask(socket, 'back');
      } catch (why) {
        if (tries > 100) throw why;
        await new Promise((go) => setTimeout(go, 100));
      }
    }
  };
};
/** A browser on the page, with the helpers there. */
async function on(browser, url) {
  expect(await browser.go(url), undefined, url);
  await browser.run(helpers);
}

const browser = new Browser('trusting', given.ca);
async function checks() {
  if (given.hold) {
    await check('hold', async () => {
      await on(browser, given.url);
      await browser.run(async (url) => { globalThis.held = ending(await connect(url)); }, socketUrl);
      say({ event: 'open' });
      const gone = await browser.run(() => held);
      expect(await browser.run((url) => back(url), socketUrl), 'back', 'echo');
      return gone;
    });
    return;
  }
  await check('page', () => on(browser, given.url));
  await check('text', async () => {
    const text = await browser.run(async (url) => ask(await connect(url), 'grüße 中 🙂'), socketUrl);
    expect(text, 'grüße 中 🙂', 'echo');
  });
  await check('binary', async () => {
    const size = await browser.run(async (url) => {
      const bytes = Uint8Array.from({ length: 1 << 20 }, (_, at) => at * 7919 >> 3);
      const back = new Uint8Array(await ask(await connect(url), bytes));
      return back.every((byte, at) => byte === bytes[at]) && back.length;
    }, socketUrl);
    expect(size, 1 << 20, 'echo');
  });
  await check('handshake', async () => {
    // 101, or 200 where the socket went over HTTP/2 (RFC 8441).
    const answered = once(browser, 'Network.webSocketHandshakeResponseReceived');
    const seen = await browser.run(async (url) => {
      const socket = await connect(url, ['other', 'chat.v1']);
      const who = JSON.parse(await ask(socket, '{"do":"who"}'));
      return { protocol: socket.protocol, extensions: socket.extensions, who, script: document.cookie };
    }, socketUrl);
    const [{ response: { status } }] = await answered;
    expect(seen.protocol, 'chat.v1', 'subprotocol');
    need(/^permessage-deflate/.test(seen.extensions), `extensions: ${seen.extensions}`);
    need(/session=from-the-page/.test(seen.who.cookie), `the page's cookie: ${seen.who.cookie}`);
    need(!/session/.test(seen.script), 'an HttpOnly cookie seen by the script');
    expect(seen.who.origin, new URL(given.url).origin, 'origin');
    return { status, extensions: seen.extensions, cookie: seen.who.cookie, server: seen.who.name };
  });
  await check('reconnect', async () => {
    const gone = await browser.run(async (url) => {
      const socket = await connect(url);
      const end = ending(socket);
      socket.send('{"do":"close","code":1001}');
      return end;
    }, socketUrl);
    expect(gone, { code: 1001, wasClean: !given.abrupt }, 'close event');
    expect(await browser.run((url) => back(url), socketUrl), 'back', 'echo');
    return gone;
  });
  if (given.foreign) {
    await check('foreign', async () => {
      await on(browser, given.foreign);
      const failed = once(browser, 'Network.webSocketFrameError');
      const said = await browser.run((url) => connect(url).then(() => 'open', (why) => why.message), socketUrl);
      expect(said, 'error event', 'in the page');
      const [{ errorMessage }] = await failed;
      need(/403/.test(errorMessage), errorMessage);
      return { said: errorMessage };
    });
  }
  if (given.ca) {
    await check('untrusted', async () => {
      const other = new Browser('wary');
      const said = await other.go(given.url);
      await other.end();
      expect(said, 'net::ERR_CERT_AUTHORITY_INVALID', 'page');
    });
  }
}
await checks();
await browser.end();
rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
process.exit();
