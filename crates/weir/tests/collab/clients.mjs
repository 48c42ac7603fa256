// Stock Yjs clients under orders: an order a line comes in, its answer a line goes out, one after the other.
//   { "join": NAMES, "url": ..., "token": ..., "params": {} }   connects, answers when all are in step with the server
//   { "run": CODE, "as": NAME, "given": {} }                    runs code on a client's document, answers what it returns
//   { "edit": NAMES, "steps": N, "seed": N }                    all edit at random at once, on- and offline
//   { "states": NAMES }                                         a digest of each one's document
//   { "leave": NAMES }                                          disconnects for good

import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

// Every client waits for the end of the process.
process.setMaxListeners(0)

const clients = new Map()

class Client {
  constructor (url, token, params) {
    // A browser sends a ticket in the query; programs their token in the head of the request.
    const headers = token ? { authorization: `Bearer ${token}` } : {}
    class Socket extends WebSocket {
      constructor (address) { super(address, { headers }) }
    }
    this.doc = new Y.Doc()
    this.nodes = this.doc.getMap('nodes')
    this.edges = this.doc.getMap('edges')
    this.meta = this.doc.getMap('meta')
    this.closes = []
    this.kept = {}
    // Clients of one process would also tell each other directly, as the tabs of a browser do.
    const options = { params, WebSocketPolyfill: Socket, disableBc: true, maxBackoffTime: 400 }
    this.provider = new WebsocketProvider(url, 'collab', this.doc, options)
    this.provider.on('connection-close', (event) => event && this.closes.push(event.code))
  }

  async inStep () {
    const until = Date.now() + 30_000
    while (!this.provider.synced) {
      if (Date.now() > until) throw new Error(`not in step after 30 s; closed with ${JSON.stringify(this.closes)}`)
      await pause(5)
    }
  }

  // Everything the document holds, in an order that does not depend on who made it.
  state () {
    return sorted({ nodes: this.nodes.toJSON(), edges: this.edges.toJSON(), meta: this.meta.toJSON() })
  }

  digest () {
    const waiting = this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null
    const hash = createHash('sha256').update(JSON.stringify(this.state())).update(Y.encodeSnapshot(Y.snapshot(this.doc)))
    return waiting ? 'waits for what it depends on' : hash.digest('hex')
  }

  run (code, given) {
    const { doc, nodes, edges, meta, provider, closes, kept } = this
    const scope = { Y, doc, nodes, edges, meta, provider, closes, kept, ...given }
    return new Function(...Object.keys(scope), code)(...Object.values(scope))
  }

  async edit (steps, random) {
    for (let step = 0; step < steps; step++) {
      const choice = random()
      if (choice < 0.06) this.provider.disconnect()
      else if (choice < 0.16) this.provider.connect()
      else if (choice < 0.19) this.provider.ws?.terminate()
      else this.doc.transact(() => edits[Math.floor(random() * edits.length)](this, random))
      await pause(Math.floor(random() * 20))
    }
    this.provider.connect()
  }
}

// What people do to a workflow, each done where it makes sense in this client's document.
const edits = [addNode, addNode, moveNode, moveNode, updateNode, writeCode, writeCode, writeCode, removeNode, addEdge, removeEdge, setMeta]

function addNode ({ nodes }, random) {
  const params = new Y.Map([['values', new Y.Map([['number', whole(random, 1000)]])], ['code', new Y.Text('return 1')]])
  const position = new Y.Map([['x', whole(random, 1000)], ['y', whole(random, 1000) + 0.5]])
  nodes.set(`node_${whole(random, 1e9)}`, new Y.Map([['type', 'set'], ['position', position], ['data', new Y.Map([['params', params]])]]))
}

function moveNode ({ nodes }, random) {
  any(nodes, random)?.get('position')?.set(random() < 0.5 ? 'x' : 'y', whole(random, 1000))
}

function updateNode ({ nodes }, random) {
  any(nodes, random)?.get('data')?.set('label', `label ${whole(random, 1000)}`)
}

function writeCode ({ nodes }, random) {
  const code = any(nodes, random)?.get('data')?.get('params')?.get?.('code')
  if (!(code instanceof Y.Text)) return
  // An editor does not cut a character in two: places are those of whole ones.
  const characters = [...code.toString()]
  const at = whole(random, characters.length + 1)
  const place = characters.slice(0, at).join('').length
  if (random() < 0.7) code.insert(place, ['let a = 1;', 'é', '𝒳', '\n'][whole(random, 4)])
  else code.delete(place, characters.slice(at, at + 2).join('').length)
}

function removeNode ({ nodes }, random) {
  if (nodes.size > 5) nodes.delete(key(nodes, random))
}

function addEdge ({ nodes, edges }, random) {
  if (nodes.size === 0) return
  const ends = [['source', key(nodes, random)], ['target', key(nodes, random)]]
  edges.set(`edge_${whole(random, 1e9)}`, new Y.Map(ends))
}

function removeEdge ({ edges }, random) {
  if (edges.size > 5) edges.delete(key(edges, random))
}

function setMeta ({ meta }, random) {
  meta.set(random() < 0.5 ? 'name' : 'description', `named ${whole(random, 1000)}`)
}

function any (map, random) {
  return map.size > 0 ? map.get(key(map, random)) : undefined
}

function key (map, random) {
  return [...map.keys()][whole(random, map.size)]
}

function whole (random, below) {
  return Math.floor(random() * below)
}

// Numbers from 0 to 1, the same for the same seed (mulberry32).
function numbers (seed) {
  return () => {
    seed = (seed + 0x6D2B79F5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function sorted (value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]))
}

async function obey (order) {
  const named = (names) => names.map((name) => clients.get(name))
  if (order.join) {
    for (const name of order.join) clients.set(name, new Client(order.url, order.token, order.params))
    await Promise.all(named(order.join).map((client) => client.inStep()))
  } else if (order.run) {
    return clients.get(order.as).run(order.run, order.given)
  } else if (order.edit) {
    await Promise.all(named(order.edit).map((client, index) => client.edit(order.steps, numbers(order.seed + index))))
  } else if (order.states) {
    return named(order.states).map((client) => client.digest())
  } else if (order.leave) {
    for (const name of order.leave) {
      clients.get(name).provider.destroy()
      clients.delete(name)
    }
  } else throw new Error(`an unknown order: ${JSON.stringify(order)}`)
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await obey(JSON.parse(line)).then((done) => ({ done: done ?? null }), (error) => ({ failed: String(error) }))
  process.stdout.write(JSON.stringify(answer) + '\n')
}
process.exit()
