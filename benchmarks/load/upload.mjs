// Upload files as fast as the server takes them, with autocannon: one connection and one
// certificate for each device, head and body in one write, a different body in each request.
//
// Reads one JSON object from standard input (UploadJob in benchmarks/load_tool.py) and writes one:
// {sent, acknowledged, counted, seconds, statuses, errors, p99_ms}. `counted` files were acknowledged
// within `seconds`, which start after the warm-up (or at once if all files were sent by then). No
// request is cut off: each client ends after the response to its last one. `p99_ms` is the 99th
// percentile of the times of responses, null with a handshake each.
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import autocannon from 'autocannon'

const job = JSON.parse(readFileSync(0, 'utf8'))
const corpus = readFileSync(job.corpus)
const head = Buffer.from(job.head)
const tail = Buffer.from(job.tail)
const contents = []
for (let offset = 0; offset < corpus.length;) {
  const end = offset + 4 + corpus.readUInt32BE(offset)
  contents.push(corpus.subarray(offset + 4, end))
  offset = end
}

let built = 0
const nextBody = () => Buffer.concat([head, contents[(job.start + built++) % contents.length], tail])

const started = performance.now()
const countFrom = started + job.warm_up_seconds * 1000
const result = { sent: 0, acknowledged: 0, counted: 0, seconds: 0, statuses: {}, errors: 0, p99_ms: null }
let lastResponseAt = started
const times = []
let running = job.devices.length
const clients = []

function countResponse (status) {
  result.statuses[status] = (result.statuses[status] ?? 0) + 1
  if (status < 200 || status > 299) return
  result.acknowledged++
  lastResponseAt = performance.now()
  if (lastResponseAt >= countFrom) result.counted++
}

function report () {
  result.sent = built
  const endedInWarmUp = result.counted === 0
  if (endedInWarmUp) result.counted = result.acknowledged
  result.seconds = (lastResponseAt - (endedInWarmUp ? started : countFrom)) / 1000
  if (times.length) result.p99_ms = times.sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1]
  process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0))
}

function setupClient (client) {
  const { cert, key } = job.devices[clients.length]
  client.opts.tlsOptions = { secureContext: createSecureContext({ cert, key }) }
  // With a handshake each, autocannon disconnects before it emits the event of the whole response,
  // so responses are counted by their head.
  client.on('headers', ({ statusCode }) => countResponse(statusCode))
  client.on('response', (statusCode, bytes, ms) => times.push(ms))
  client.on('connError', () => { result.errors++ })
  client.on('timeout', () => { result.errors++ })
  client.on('done', () => { if (--running === 0) report() })
  if (job.rate) {
    // autocannon's own rate sends what is due in a second in one burst.
    const send = client._doRequest.bind(client)
    const meanMs = 1000 * job.devices.length / job.rate
    client._doRequest = () => setTimeout(send, 2 * meanMs * Math.random())
  }
  clients.push(client)
}

autocannon({
  url: job.url,
  connections: job.devices.length,
  amount: job.limit,
  timeout: job.timeout_seconds,
  method: 'POST',
  headers: { 'Content-Type': job.content_type },
  requests: [{ setupRequest: (request) => ({ ...request, body: nextBody() }) }],
  reconnectRate: job.handshake_each ? 1 : undefined,
  setupClient
}, (error) => { if (error) throw error })

setTimeout(() => {
  for (const client of clients) client.responseMax = Math.max(client.reqsMade, 1)
}, (job.warm_up_seconds + job.seconds) * 1000)
