// Register new certificates: each request has a certificate, a handshake and a key of its own.
//
// Standard input is one JSON object (see benchmarks/load_tool.py, RegisterJob), standard output
// one, as upload.mjs writes it.
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
    const sent = request(job.url, options, (answer) => {
      const status = answer.statusCode
      result.statuses[status] = (result.statuses[status] ?? 0) + 1
      if (status === 200) result.acknowledged++
      answer.resume().on('end', resolve)
    })
    sent.on('error', () => { result.errors++; resolve() })
    // A string given to end() leaves in one write with the head.
    sent.end(body)
  })
}

async function work () {
  while (job.devices.length > 0) await register(job.devices.pop())
}

const began = performance.now()
await Promise.all(Array.from({ length: job.connections }, work))
result.counted = result.acknowledged
result.seconds = (performance.now() - began) / 1000
process.stdout.write(JSON.stringify(result) + '\n')
