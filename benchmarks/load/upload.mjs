// Upload files as fast as the server takes them: autocannon, one connection and one certificate a
// device, head and body in one write, every body another.
//
// Standard input is one JSON object (see benchmarks/load_tool.py, UploadJob), standard output one:
// {sent, acknowledged, counted, seconds, statuses, errors}. `counted` files were acknowledged
// within `seconds`, which begin after the warm-up (unless all was over by then). No request is cut off: each client ends after
// the answer to its last one, so that what was sent is also what was acknowledged or refused.
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import autocannon from 'autocannon'

const job = JSON.parse(readFileSync(0, 'utf8'))
const corpus = readFileSync(job.corpus)
const head = Buffer.from(job.head)
const tail = Buffer.from(job.tail)
const contents = []
for (let at = 0; at < corpus.length;) {
  const end = at + 4 + corpus.readUInt32BE(at)
  contents.push(corpus.subarray(at + 4, end))
  at = end
}

let built = 0
const nextBody = () => Buffer.concat([head, contents[(job.start + built++) % contents.length], tail])

const began = performance.now()
const countFrom = began + job.warm_up_seconds * 1000
const result = { sent: 0, acknowledged: 0, counted: 0, seconds: 0, statuses: {}, errors: 0 }
let lastHeard = began
let running = job.devices.length
const clients = []

function heard (status) {
  result.statuses[status] = (result.statuses[status] ?? 0) + 1
  if (status < 200 || status > 299) return
  result.acknowledged++
  lastHeard = performance.now()
  if (lastHeard >= countFrom) result.counted++
}

function report () {
  result.sent = built
  const overInWarmUp = result.counted === 0
  if (overInWarmUp) result.counted = result.acknowledged
  result.seconds = (lastHeard - (overInWarmUp ? began : countFrom)) / 1000
  process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0))
}

function setupClient (client) {
  const { cert, key } = job.devices[clients.length]
  client.opts.tlsOptions = { secureContext: createSecureContext({ cert, key }) }
  // The answer's head is heard in either mode; with a handshake each, autocannon leaves before
  // it would tell of the answer as a whole.
  client.on('headers', ({ statusCode }) => heard(statusCode))
  client.on('connError', () => { result.errors++ })
  client.on('timeout', () => { result.errors++ })
  client.on('done', () => { if (--running === 0) report() })
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
