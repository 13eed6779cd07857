// A Socket.IO server by the npm package: echoes with its name and the transport in use.
//   socketio-server.mjs [--port 0] [--name a]      ends with its standard input
// Says {"event":"listening","port":…}. Events: echo(data, answer) answers {name, transport, data}; leave() closes the connection under
// the client, as a dying server does.
import http from 'node:http';
import { args, packages, say, serve } from './script.mjs';

const { Server } = packages('socket.io');
const { port, name } = args({ limit: { type: 'string', default: '900' }, port: { type: 'string', default: '0' }, name: { type: 'string', default: 'a' } });

const server = http.createServer((_request, response) => response.end(name));
const io = new Server(server, { perMessageDeflate: true });
io.on('connection', (socket) => {
  say({ event: 'open', name, id: socket.id });
  socket.on('echo', (data, answer) => answer({ name, transport: socket.conn.transport.name, data }));
  socket.on('leave', () => socket.conn.close());
  socket.on('disconnect', (reason) => say({ event: 'close', name, id: socket.id, reason }));
});
serve(server, port, name);
