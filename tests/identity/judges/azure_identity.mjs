// @azure/identity obtains tokens from the emulator and uses them.
//
//   node azure_identity.mjs <ready.json>     NODE_EXTRA_CA_CERTS names the emulator's CA
//
// Prints one line per credential; ends with 1 when one did not behave.

import { readFileSync } from 'node:fs';
import {
  ClientCertificateCredential, ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential,
} from '@azure/identity';

const ready = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const audience = ready.config.tenant_defaults.cloud.audience;
const options = { authorityHost: ready.url, disableInstanceDiscovery: true, retryOptions: { maxRetries: 0 } };
let failures = 0;

async function use(token) {
  const answer = await fetch(`${ready.url}/api/machines?$top=1`, { headers: { Authorization: `Bearer ${token}` } });
  if (answer.status !== 200) throw new Error(`the API answers ${answer.status}`);
}

async function works(name, credential) {
  try {
    const { token, expiresOnTimestamp } = await credential.getToken(`${audience}/.default`);
    if (expiresOnTimestamp < Date.now() + 60_000) throw new Error('it has expired already');
    await use(token);
    console.log(`ok: ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED: ${name}: ${error.message}`);
  }
}

async function refused(name, credential, words) {
  try {
    await credential.getToken(`${audience}/.default`);
    failures += 1;
    console.log(`FAILED: ${name}: it got a token`);
  } catch (error) {
    const right = error.message.includes(words);
    failures += right ? 0 : 1;
    console.log(`${right ? 'ok' : 'FAILED'}: ${name}${right ? '' : `: ${error.message}`}`);
  }
}

const { tenant_id: tenantId, client_id: clientId, credentials, identity } = ready;
await works('secret', new ClientSecretCredential(tenantId, clientId, ready.client_secret, options));
await refused('wrong secret', new ClientSecretCredential(tenantId, clientId, 'wrong', options), '7000215');
await refused('unknown tenant', new ClientSecretCredential('00000000-0000-4000-8000-000000000000', clientId,
  ready.client_secret, options), 'endpoints_resolution_error');
await works('certificate', new ClientCertificateCredential(tenantId, clientId, credentials.certificate_file, options));
await refused('certificate of another application', new ClientCertificateCredential(tenantId,
  '00000000-0000-4000-8000-000000000000', credentials.certificate_file, options), '700016');
await works('workload identity', new WorkloadIdentityCredential({
  ...options, tenantId, clientId, tokenFilePath: credentials.assertion_file,
}));

process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = identity.imds;
await works('managed identity, IMDS', new ManagedIdentityCredential(options));
await works('managed identity, IMDS, by client id', new ManagedIdentityCredential({ ...options, clientId }));
await refused('managed identity that is not assigned', new ManagedIdentityCredential({
  ...options, clientId: '00000000-0000-4000-8000-000000000000',
}), 'Identity not found');

process.env.IDENTITY_ENDPOINT = identity.app_service;
process.env.IDENTITY_HEADER = identity.app_service_header;
await works('managed identity, App Service', new ManagedIdentityCredential(options));
process.exit(failures === 0 ? 0 : 1);
