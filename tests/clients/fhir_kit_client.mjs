// fhir-kit-client against a served node: create, read, update with If-Match,
// search with paging, transaction.
import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';

const client = new Client({ baseUrl: process.env.BASE, bearerToken: process.env.TOKEN });

const statement = await client.capabilityStatement();
assert.equal(statement.resourceType, 'CapabilityStatement');
assert.equal(statement.fhirVersion, '4.0.1');

const created = await client.create({
  resourceType: 'Patient',
  body: { resourceType: 'Patient', name: [{ family: 'Condori', given: ['Luz'] }], birthDate: '1979-05-05' },
});
assert.ok(created.id);
const read = await client.read({ resourceType: 'Patient', id: created.id });
assert.equal(read.name[0].family, 'Condori');

const updated = await client.update({
  resourceType: 'Patient', id: created.id,
  body: { ...read, gender: 'female' },
  options: { headers: { 'If-Match': `W/"${read.meta.versionId}"` } },
});
assert.equal(updated.gender, 'female');
await assert.rejects(client.update({
  resourceType: 'Patient', id: created.id,
  body: { ...read, gender: 'male' },
  options: { headers: { 'If-Match': `W/"${read.meta.versionId}"` } },
}), (error) => error.response.status === 412 && error.response.data.resourceType === 'OperationOutcome');
assert.equal((await client.read({ resourceType: 'Patient', id: created.id })).gender, 'female');
const old = await client.vread({ resourceType: 'Patient', id: created.id, version: read.meta.versionId });
assert.equal(old.gender, undefined);

const entry = Array.from({ length: 25 }, (_, n) => ({
  fullUrl: `urn:uuid:0190f5a0-0000-7000-8000-0000000001${String(n).padStart(2, '0')}`,
  resource: {
    resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
    subject: { reference: `Patient/${created.id}` }, effectiveDateTime: `2026-01-${String(n + 1).padStart(2, '0')}`,
    valueQuantity: { value: 60 + n, unit: '/min' },
  },
  request: { method: 'POST', url: 'Observation' },
}));
const outcome = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
assert.equal(outcome.entry.length, 25);
assert.ok(outcome.entry.every((item) => item.response.status.startsWith('201')));

let page = await client.search({
  resourceType: 'Observation',
  searchParams: { patient: created.id, code: 'http://loinc.org|8867-4', _sort: '-date', _count: 10, _total: 'accurate' },
});
assert.equal(page.total, 25);
const seen = [];
const sizes = [];
while (page) {
  sizes.push(page.entry.length);
  seen.push(...page.entry.map((item) => item.resource.effectiveDateTime));
  page = await client.nextPage({ bundle: page });
}
assert.deepEqual(sizes, [10, 10, 5]);
assert.equal(new Set(seen).size, 25);
assert.deepEqual(seen, [...seen].sort().reverse());

const history = await client.history({ resourceType: 'Patient', id: created.id });
assert.equal(history.entry.length, 2);
await client.delete({ resourceType: 'Patient', id: created.id });
await assert.rejects(
  client.read({ resourceType: 'Patient', id: created.id }),
  (error) => error.response.status === 410 && error.response.data.issue[0].code === 'deleted',
);
console.log('fhir-kit-client: create, read, vread, update, transaction, search, paging, history, delete');
