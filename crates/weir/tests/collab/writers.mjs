// Clients that only write, each as fast as what it wrote becomes durable, until the server is gone. Out goes a line for
// every acknowledgement: { "writer": NAME, "saved": N } says that its values 0 to N - 1 are durable.
// Arguments: the address of the socket, a token, the names of the writers.

import * as encoding from 'lib0/encoding'
import * as decoding from 'lib0/decoding'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { writeUpdate } from 'y-protocols/sync'

const SYNC = 0
const SAVED = 120
const AHEAD = 20

function write (address, token, name) {
  // Nothing is sent twice, and nobody else has it: what is there after a crash was kept by the server.
  const doc = new Y.Doc()
  const socket = new WebSocket(`${address}?saved=1`, { headers: { authorization: `Bearer ${token}` } })
  socket.binaryType = 'arraybuffer'
  let sent = 0
  let saved = 0

  doc.on('update', (update) => {
    const frame = encoding.createEncoder()
    encoding.writeVarUint(frame, SYNC)
    writeUpdate(frame, update)
    socket.send(encoding.toUint8Array(frame))
    sent += 1
  })

  const values = new Y.Map()
  const goOn = () => {
    while (sent < saved + AHEAD) values.set(`value_${sent - 1}`, sent - 1)
  }
  socket.on('open', () => {
    const params = new Y.Map([['values', values]])
    doc.getMap('nodes').set(name, new Y.Map([['type', 'set'], ['data', new Y.Map([['params', params]])]]))
    goOn()
  })
  socket.on('message', (message) => {
    const frame = decoding.createDecoder(new Uint8Array(message))
    if (decoding.readVarUint(frame) !== SAVED) return
    saved = decoding.readVarUint(frame)
    // The first frame made the node.
    process.stdout.write(JSON.stringify({ writer: name, saved: saved - 1 }) + '\n')
    goOn()
  })
  socket.on('error', (error) => console.error(error.message))
  socket.on('close', () => {
    connected -= 1
    if (connected === 0) process.exit()
  })
}

const [, address, token, ...names] = process.argv
let connected = names.length
for (const name of names) write(address, token, name)
process.stdin.on('end', () => process.exit()).resume()
