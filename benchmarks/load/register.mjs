// Register new certificates: each request has its own certificate, handshake and pre-shared key.
//
// Reads one JSON object from standard input (RegisterJob in benchmarks/load_tool.py) and writes
// one, as upload.mjs does.
import { readFileSync } from 'node:fs'
import { request } from 'node:https'

const job = JSON.parse(readFileSync(0, 'utf8'))
const result = { sent: 0, acknowledged: 0, counted: 0, seconds: 0, statuses: {}, errors: 0 }

function register ({ cert, key, psk }) {
  return new Promise((resolve) => {
    const body = JSON.stringify({ PSK: psk })
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
    const options = { method: 'POST', headers, cert, key, agent: false, rejectUnauthorized: false }
    result.sent++
    const sent = request(job.url, options, (response) => {
      const status = response.statusCode
      result.statuses[status] = (result.statuses[status] ?? 0) + 1
      if (status === 200) result.acknowledged++
      response.resume().on('end', resolve)
    })
    sent.on('error', () => { result.errors++; resolve() })
    // A string passed to end() is sent in one write with the head.
    sent.end(body)
  })
}

async function work () {
  while (job.devices.length > 0) await register(job.devices.pop())
}

const started = performance.now()
await Promise.all(Array.from({ length: job.connections }, work))
result.counted = result.acknowledged
result.seconds = (performance.now() - started) / 1000
process.stdout.write(JSON.stringify(result) + '\n')
