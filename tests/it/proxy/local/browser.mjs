// A headless chromium on the page of an echo server, in light and in dark, driven over DevTools: a socket, a message, a stream.
//   browser.mjs URL FOLDER     FOLDER holds its profile; a line of JSON for each of the two says what is seen.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [url, folder] = process.argv.slice(2);
const program = fileURLToPath(new URL('../../../../target/programs/bin/chromium', import.meta.url));
setTimeout(() => process.exit(1), 60_000).unref();
const browser = spawn(program, [
  '--remote-debugging-pipe', `--user-data-dir=${join(folder, 'profile')}`, '--host-resolver-rules=MAP * 127.0.0.1',
  // Its sandbox wants root or user namespaces, neither of which a container need have; the page is our own.
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run', 'about:blank',
], { env: { PATH: process.env.PATH, HOME: folder }, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const answers = new Map();
let [text, last, session, errors] = ['', 0, undefined, []];
browser.stdio[4].setEncoding('utf8').on('data', (data) => {
  const lines = (text + data).split('\0');
  text = lines.pop();
  for (const { id, result, error, method, params } of lines.map((line) => JSON.parse(line))) {
    if (method === 'Log.entryAdded' && params.entry.level === 'error') errors.push(params.entry.text);
    answers.get(id)?.(result ?? { error });
  }
});
const send = (method, params = {}) => new Promise((done) => {
  answers.set(last += 1, done);
  browser.stdio[3].write(`${JSON.stringify({ id: last, method, params, ...(session && { sessionId: session }) })}\0`);
});
const run = async (expression) => (await send('Runtime.evaluate', { expression, returnByValue: true })).result?.value;
const until = async (expression) => {
  for (let tries = 0; tries < 150 && !await run(expression); tries += 1) await new Promise((done) => setTimeout(done, 100));
};
const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
session = (await send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
await send('Page.enable');
await send('Log.enable');
const log = (id) => `document.getElementById('${id}-log').innerText`;
for (const value of ['light', 'dark']) {
  errors = [];
  await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
  await send('Page.navigate', { url });
  await until(`document.readyState === 'complete' && !!document.getElementById('open')`);
  await run(`document.getElementById('protocols').value = 'chat.v2, chat.v1'; document.getElementById('open').requestSubmit()`);
  await until(`!document.getElementById('say').disabled`);
  await run(`document.getElementById('message').value = 'hello <b>there</b>'; document.getElementById('send').requestSubmit()`);
  await run(`document.getElementById('listen').requestSubmit()`);
  await until(`${log('socket')}.split('hello').length > 2 && ${log('stream')}.includes('count')`);
  process.stdout.write(`${JSON.stringify({
    socket: await run(log('socket')), stream: await run(log('stream')), title: await run('document.title'), errors,
    background: await run('getComputedStyle(document.body).backgroundColor'),
  })}\n`);
}
browser.kill();
process.exit(0);
