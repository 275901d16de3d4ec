// An OpenID provider with the routes of Microsoft's sign-in service, over TLS: oidc-provider judges what comes in.
//
//   node provider.mjs <setup.json>     {"tenant","certificate_file","key_file","clients":[…],"scope",
//                                       "jwks_private_pem"}
//
// Prints {"url"} when it serves. Beside the provider's own routes:
//   POST /judge/tamper {"claim","value","sign"}   alters the next assertion: with a signature that fits, or the old one
//   POST /judge/approve {"user_code"}             what a person does on the page
//   GET /judge/seen                               the requests to the token endpoint: {"method","alg","error"}

import { createPrivateKey, createPublicKey, constants, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const setup = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const clientKey = createPrivateKey(setup.jwks_private_pem);
const clientJwk = createPublicKey(clientKey).export({ format: 'jwk' });
const seen = [];
let tamper = null;

const server = createServer({ cert: readFileSync(setup.certificate_file), key: readFileSync(setup.key_file) });
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `https://127.0.0.1:${server.address().port}`;

const methods = {
  secret: { token_endpoint_auth_method: 'client_secret_post' },
  PS256: { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256' },
  RS256: { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'RS256' },
  device: { token_endpoint_auth_method: 'none', application_type: 'native' },
};
const grants = (kind) => (kind === 'device'
  ? ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token']
  : ['client_credentials']);

const provider = new Provider(`${origin}/${setup.tenant}`, {
  clients: setup.clients.map(({ kind, client_id, client_secret }) => ({
    client_id,
    ...(kind === 'secret' ? { client_secret } : {}),
    ...(methods[kind].token_endpoint_auth_method === 'private_key_jwt'
      ? { jwks: { keys: [{ ...clientJwk, alg: kind, use: 'sig' }] } } : {}),
    ...methods[kind],
    grant_types: grants(kind),
    response_types: [],
    redirect_uris: [],
  })),
  clientAuthMethods: ['client_secret_post', 'private_key_jwt', 'none'],
  enabledJWA: { clientAuthSigningAlgValues: ['PS256', 'RS256'] },
  scopes: ['openid', 'offline_access', setup.scope],
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: 30 },  // too short to be kept for the next process
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: false },
  },
  routes: {
    token: '/oauth2/v2.0/token',
    device_authorization: '/oauth2/v2.0/devicecode',
    code_verification: '/devicelogin',
  },
});
provider.proxy = false;

const base64url = (value) => Buffer.from(value).toString('base64url');

/** The assertion with one claim changed (or taken away), signed again or not. */
function tampered(assertion) {
  const [header, claims, signature] = assertion.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url'));
  const changed = JSON.parse(Buffer.from(claims, 'base64url'));
  if (tamper.value === null) delete changed[tamper.claim];
  else changed[tamper.claim] = tamper.value;
  const text = `${header}.${base64url(JSON.stringify(changed))}`;
  const padding = alg === 'PS256'
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
  return `${text}.${tamper.sign ? sign('sha256', Buffer.from(text), { key: clientKey, ...padding }).toString('base64url') : signature}`;
}

/** What was asked, and with what tampering it is to be judged. */
function note(form) {
  const assertion = form.get('client_assertion');
  const entry = {
    grant: form.get('grant_type'),
    method: assertion ? 'assertion' : form.has('client_secret') ? 'secret' : 'none',
    alg: assertion ? JSON.parse(Buffer.from(assertion.split('.')[0], 'base64url')).alg : null,
    error: null,
  };
  seen.push(entry);
  if (assertion && tamper) form.set('client_assertion', tampered(assertion));
  tamper = null;
  return entry;
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function approve(userCode) {
  const code = await provider.DeviceCode.findByUserCode(userCode.replace(/\W/g, ''));
  const grant = new provider.Grant({ accountId: 'anna', clientId: code.clientId });
  grant.addOIDCScope(code.params.scope);
  Object.assign(code, {
    accountId: 'anna', grantId: await grant.save(), scope: code.params.scope, authTime: Math.floor(Date.now() / 1000),
  });
  await code.save();
}

async function judge(request, response) {
  if (request.url === '/judge/tamper') tamper = JSON.parse(await body(request));
  else if (request.url === '/judge/approve') await approve(JSON.parse(await body(request)).user_code);
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(seen));
}

const callback = provider.callback();
const prefix = `/${setup.tenant}`;
server.on('request', async (request, response) => {
  try {
    if (request.url.startsWith('/judge/')) {
      await judge(request, response);
      return;
    }
    if (!request.url.startsWith(prefix)) {
      response.writeHead(404).end();
      return;
    }
    request.originalUrl = request.url;
    if (request.url.endsWith('/token')) {
      const form = new URLSearchParams(await body(request));
      request.entry = note(form);
      // oidc-provider takes a body that was read already.
      request.body = Object.fromEntries(form);
    }
    request.url = request.url.slice(prefix.length);
    callback(request, response);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
provider.on('grant.error', (ctx, error) => { ctx.req.entry.error = `${error.error}: ${error.error_detail ?? error.message}`; });
console.log(JSON.stringify({ url: origin }));
