// A WebSocket server by npm's `ws`: echoes; tells what arrived, closes or pings when asked; serves a page that sets a cookie.
//   ws-server.mjs [--port 0] [--name a]      ends with its standard input
// Says {"event":"listening","port":…}, and {"event":"open",…} and {"event":"close",…} for each socket.
// A text message {"do":"who"} is answered with what the handshake held; {"do":"close","code":1001} closes; {"do":"ping"} pings, and
// the pong is answered with "pong". Everything else is echoed.
import http from 'node:http';
import { args, packages, say, serve } from './script.mjs';

const { WebSocketServer } = packages('ws');
const { port, name } = args({ limit: { type: 'string', default: '900' }, port: { type: 'string', default: '0' }, name: { type: 'string', default: 'a' } });

const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.setHeader('Set-Cookie', 'session=from-the-page; Path=/; HttpOnly; SameSite=Lax');
  response.end(`<!doctype html><title>${name}</title>`);
});
const sockets = new WebSocketServer({
  server,
  perMessageDeflate: { threshold: 64 },
  maxPayload: 32 << 20,
  handleProtocols: (offered) => (offered.has('chat.v1') ? 'chat.v1' : false),
});
sockets.on('headers', (headers) => headers.push('Set-Cookie: handshake=101; Path=/'));
sockets.on('connection', (socket, request) => {
  const { cookie = '', origin = '', host = '' } = request.headers;
  const who = { name, path: request.url, host, cookie, origin, protocol: socket.protocol, extensions: socket.extensions };
  say({ event: 'open', ...who });
  socket.on('error', (why) => say({ event: 'error', why: String(why) }));
  socket.on('close', (code, reason) => say({ event: 'close', code, reason: String(reason) }));
  socket.on('pong', () => socket.send('pong'));
  socket.on('message', (data, binary) => {
    const order = !binary && data.length < 100 && data.toString().startsWith('{"do":') ? JSON.parse(data) : {};
    if (order.do === 'who') socket.send(JSON.stringify(who));
    else if (order.do === 'close') socket.close(order.code, order.reason);
    else if (order.do === 'ping') socket.ping();
    else socket.send(data, { binary });
  });
});
serve(server, port, name);
