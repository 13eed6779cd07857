// Socket.IO's client, through a proxy with two or more socketio-server.mjs behind it.
//   socketio-client.mjs --url https://chat.example:8443 [--ca ca.pem] [--address 127.0.0.1] [--servers 2] [--cookie io_node]
//                       [--path /socket.io] [--hold]
// --servers: how many the clients must have met. --cookie: the stickiness cookie that must have been set.
// --hold: no checks but one: connects, says {"event":"open"}, waits until somebody else ends the connection, and comes back.
import { agent, args, check, expect, need, packages, say } from './script.mjs';

const { io } = packages('socket.io-client');
const given = args({
  url: { type: 'string' }, ca: { type: 'string' }, address: { type: 'string' }, path: { type: 'string', default: '/socket.io' },
  servers: { type: 'string', default: '1' }, cookie: { type: 'string' }, hold: { type: 'boolean' },
});

const event = (source, name) => new Promise((done) => source.once(name, done));

/** Connected, with the transports that it has been through. */
async function connected(options = {}) {
  const browser = agent(given.url, given);
  const socket = io(given.url, {
    path: given.path, agent: browser, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500, timeout: 5000, ...options,
  });
  socket.browser = browser;
  socket.transports = [];
  const follow = () => {
    const { engine } = socket.io;
    socket.transports.push(engine.transport.name);
    engine.on('upgrade', (transport) => socket.transports.push(transport.name));
  };
  socket.io.on('open', follow);
  await new Promise((done, fail) => {
    socket.once('connect', done);
    socket.io.once('error', (why) => (socket.connected ? undefined : fail(why)));
  });
  return socket;
}
const ask = (socket, data) => socket.timeout(10_000).emitWithAck('echo', data);
async function upgraded(socket) {
  if (socket.io.engine.transport.name !== 'websocket') await event(socket.io.engine, 'upgrade');
}

async function comesBack(leave) {
  const socket = await connected();
  await upgraded(socket);
  const before = await ask(socket, 1);
  const gone = event(socket, 'disconnect');
  leave(socket);
  const reason = await gone;
  if (!socket.connected) await event(socket, 'connect');
  await upgraded(socket);
  const after = await ask(socket, 2);
  expect(after.transport, 'websocket', 'transport in the end');
  socket.close();
  return { reason, transports: socket.transports, servers: [before.name, after.name] };
}

if (given.hold) {
  await check('hold', () => comesBack(() => say({ event: 'open' })));
  process.exit();
}

await check('upgrade', async () => {
  const socket = await connected();
  const first = await ask(socket, { n: 1, text: 'grüße' });
  expect(first.data, { n: 1, text: 'grüße' }, 'echo');
  await upgraded(socket);
  const second = await ask(socket, Buffer.from([0, 255, 128]));
  expect([...second.data], [0, 255, 128], 'binary echo');
  expect(second.transport, 'websocket', 'transport in the end');
  expect(socket.transports, ['polling', 'websocket'], 'transports');
  expect(second.name, first.name, 'server after the upgrade');
  socket.close();
  return { transports: socket.transports, server: second.name };
});
// A poll that reaches the wrong server is answered with 400: every client here needs its cookie.
await check('stickiness', async () => {
  const names = await Promise.all(Array.from({ length: 8 }, async () => {
    const socket = await connected({ transports: ['polling'], reconnection: false });
    if (given.cookie) need(socket.browser.jar.has(given.cookie), `no cookie ${given.cookie} among: ${[...socket.browser.jar.keys()]}`);
    const seen = new Set();
    for (let n = 0; n < 5; n += 1) seen.add((await ask(socket, n)).name);
    expect(seen.size, 1, 'servers of one client');
    socket.close();
    return [...seen][0];
  }));
  const met = [...new Set(names)].sort();
  need(met.length >= given.servers, `servers met: ${met}`);
  return { servers: met };
});
await check('websocket', async () => {
  const socket = await connected({ transports: ['websocket'] });
  expect((await ask(socket, 'x'.repeat(100_000))).data.length, 100_000, 'echo');
  socket.close();
});
await check('reconnect', async () => {
  const back = await comesBack((socket) => socket.emit('leave'));
  if (given.cookie) expect(back.servers[1], back.servers[0], 'server after the return');
  expect(back.transports, ['polling', 'websocket', 'polling', 'websocket'], 'transports');
  return back;
});
process.exit();
