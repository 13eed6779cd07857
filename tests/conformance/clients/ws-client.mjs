// npm's `ws` as a client of ws-server.mjs, through a proxy.
//   ws-client.mjs --url wss://chat.example:8443/ws [--ca ca.pem] [--address 127.0.0.1] [--foreign https://evil.example] [--hold]
// --ca: the authority to trust, and a check that nothing is trusted without it. --foreign: an origin that must get 403.
// --hold: no checks but one: opens, says {"event":"open"}, waits until somebody else closes, and comes back.
import { once } from 'node:events';
import { agent, again, args, check, expect, need, packages, say } from './script.mjs';

const WebSocket = packages('ws');
const given = args({
  url: { type: 'string' }, ca: { type: 'string' }, address: { type: 'string' }, foreign: { type: 'string' },
  origin: { type: 'string' }, hold: { type: 'boolean' },
});
const { url } = given;
const { origin = new URL(url.replace(/^ws/, 'http')).origin } = given;

async function open({ protocols = [], ...options } = {}) {
  const socket = new WebSocket(url, protocols, { origin, agent: agent(url, given), ...options });
  socket.received = [];
  socket.on('message', (data, binary) => {
    socket.received.push(binary ? data : data.toString());
    socket.emit('one');
  });
  await once(socket, 'open');
  return socket;
}
async function next(socket) {
  if (socket.received.length === 0) await once(socket, 'one');
  return socket.received.shift();
}
async function ask(socket, message) {
  socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  return next(socket);
}
const closed = async (socket) => { const [code] = await once(socket, 'close'); return code; };
const refused = (options) => new Promise((done, fail) => {
  open(options).then(() => fail(new Error('it was let in')), (why) => done(why.message));
});

async function comesBack(leave) {
  const socket = await open();
  const gone = closed(socket);
  leave(socket);
  const code = await gone;
  const back = await again(20, open);
  expect(await ask(back, 'back'), 'back', 'echo');
  back.close();
  return { code };
}

if (given.hold) {
  await check('hold', () => comesBack(() => say({ event: 'open' })));
  process.exit();
}

await check('text', async () => {
  const socket = await open();
  for (const text of ['hello', 'grüße 中 🙂', 'x'.repeat(300_000)]) need(await ask(socket, text) === text, 'the echo differs');
  socket.close(4000, 'enough');
  expect(await closed(socket), 4000, 'close code');
});
await check('binary', async () => {
  const socket = await open();
  const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => (at * 7919) >> 3 & 255));
  need(bytes.equals(await ask(socket, bytes)), 'the echo differs');
  socket.close();
});
await check('fragments', async () => {
  const socket = await open({ perMessageDeflate: false });
  socket.send('one ', { fin: false });
  socket.send('two', { fin: true });
  expect(await next(socket), 'one two', 'echo');
  socket.close();
});
await check('ping', async () => {
  const socket = await open();
  socket.ping('here?');
  const [pong] = await once(socket, 'pong');
  expect(pong.toString(), 'here?', 'pong');
  expect(await ask(socket, { do: 'ping' }), 'pong', "the server's ping");
  socket.close();
});
await check('deflate', async () => {
  const socket = await open({ perMessageDeflate: { threshold: 0 } });
  need(/permessage-deflate/.test(socket.extensions), `extensions: ${socket.extensions}`);
  const before = socket._socket.bytesRead + socket._socket.bytesWritten;
  need(await ask(socket, 'a'.repeat(1 << 20)) === 'a'.repeat(1 << 20), 'the echo differs');
  const bytes = socket._socket.bytesRead + socket._socket.bytesWritten - before;
  need(bytes < 50_000, `2 MiB took ${bytes} bytes, at most 50000`);
  socket.close();
  const plain = await open({ perMessageDeflate: false });
  expect(plain.extensions, '', 'not asked for');
  plain.close();
  return { bytes };
});
await check('subprotocol', async () => {
  const socket = await open({ protocols: ['other', 'chat.v1'] });
  expect(socket.protocol, 'chat.v1', 'chosen');
  socket.close();
});
await check('cookies', async () => {
  const browser = agent(url, given);
  const first = await open({ agent: browser, headers: { Cookie: 'session=mine' } });
  const { cookie, name } = JSON.parse(await ask(first, { do: 'who' }));
  need(cookie.includes('session=mine'), `sent with the handshake: ${cookie}`);
  expect(browser.jar.get('handshake'), '101', 'set by the answer 101');
  first.close();
  const second = await open({ agent: browser });
  const who = JSON.parse(await ask(second, { do: 'who' }));
  need(who.cookie.includes('handshake=101'), `sent back: ${who.cookie}`);
  second.close();
  return { jar: [...browser.jar.keys()], servers: [name, who.name] };
});
await check('reconnect', async () => {
  const back = await comesBack((socket) => socket.send(JSON.stringify({ do: 'close', code: 1001, reason: 'going away' })));
  expect(back.code, 1001, 'close code');
  return back;
});
if (given.foreign) {
  await check('foreign', async () => expect(await refused({ origin: given.foreign }), 'Unexpected server response: 403', 'answer'));
}
if (given.ca) {
  await check('untrusted', async () => {
    const said = await refused({ agent: agent(url, { ...given, ca: undefined }) });
    need(/certificate/.test(said), said);
    return { said };
  });
}
process.exit();
