// An application that asks by itself, without a gateway: INSTANCE=ins_… GATEWAY_TOKEN=… node examples/gateways/node.mjs
import { createServer } from 'node:http'
import { createVerifier, express } from 'aura-keys/verify'

const { URL = 'http://127.0.0.1:4000', INSTANCE = '', GATEWAY_TOKEN, PORT = '8080' } = process.env
const verifier = createVerifier({ url: URL, gatewayToken: GATEWAY_TOKEN, onUnknown: (reason) => console.error('aura-keys:', reason) })
const guard = express(verifier, INSTANCE)

createServer((request, response) => {
  guard(request, response, () => response.end(`Hello, ${request.auraKey.keyId}\n`))
}).listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}`))
