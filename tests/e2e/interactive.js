// A session of /v1/interactive with Debian's node-ws: node interactive.js URL NONCE ROUNDS
// Sends a line, waits for its echo, ROUNDS times; then ends the input and prints what it was told.
'use strict';
const WebSocket = require('ws');
const [url, nonce, rounds] = process.argv.slice(2);

const program = `
import sys
for line in sys.stdin:
    sys.stdout.write('echo ' + line)
    sys.stdout.flush()
`;
const heard = {stdout: '', started: 0, result: null, close: null};
const socket = new WebSocket(url);
let round = 0;

function next() {
  round += 1;
  if (round > Number(rounds)) return socket.send(JSON.stringify({type: 'eof'}));
  socket.send(JSON.stringify({type: 'stdin', data: `${nonce} ${round} ☃\n`}));
}

socket.on('open', () => {
  socket.send(JSON.stringify({type: 'init', job: {runtime: 'python', files: [{content: program}]}}));
});
socket.on('message', (data) => {
  const message = JSON.parse(data.toString());
  if (message.type === 'started') {
    heard.started += 1;
    next();
  } else if (message.type === 'stdout') {
    heard.stdout += message.data;
    if (heard.stdout.endsWith(`${nonce} ${round} ☃\n`)) next();
  } else if (message.type === 'result') {
    heard.result = message.result.status;
  }
});
socket.on('close', (code) => {
  heard.close = code;
  console.log(JSON.stringify(heard));
});
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
