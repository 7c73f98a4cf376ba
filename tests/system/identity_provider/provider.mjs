// An OpenID provider for sign_in_test: oidc-provider with its own development pages,
// where any login and password will do.
//   node provider.mjs MODULES CERTIFICATE KEY REDIRECT_URI
// Prints "listening PORT" on standard output. Its issuer is https://localhost:PORT.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, certificate, key, redirectUri] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const jwk = (type, options, extra) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  ...extra,
});

const client = (algorithm, method) => ({
  client_id: `noroshi-${algorithm}`,
  ...(method === 'none' ? {} : { client_secret: 'a secret: with & and % and +' }),
  redirect_uris: [redirectUri],
  id_token_signed_response_alg: algorithm,
  token_endpoint_auth_method: method,
});

const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`https://localhost:${port}`, {
    jwks: {
      keys: [
        jwk('ec', { namedCurve: 'P-256' }, { alg: 'ES256', kid: 'ec' }),
        jwk('rsa', { modulusLength: 2048 }, { alg: 'RS256', kid: 'rsa' }),
        jwk('rsa', { modulusLength: 2048 }, { alg: 'PS256', kid: 'pss' }),
      ],
    },
    clients: [
      client('ES256', 'client_secret_basic'),
      client('RS256', 'client_secret_basic'),
      client('PS256', 'none'),
    ],
    enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256', 'PS256'] },
    pkce: { required: () => true, methods: ['S256'] },
    cookies: { keys: ['for tests only'] },
  });
  server.on('request', provider.callback());
  process.stdout.write(`listening ${port}\n`);
});
