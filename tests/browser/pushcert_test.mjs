/* The push certificate is renewed, and one that would cut the fleet off is refused. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { BIN, lab } from './world.mjs';

const world = await lab();
const page = await world.enter();
const { pushcerts: [before] } = await world.api('GET', '/pushcerts');
const certificate = (...options) => ({ name: 'push.pem', mimeType: 'application/x-pem-file', buffer: execFileSync(BIN, ['lab', 'pushcert', ...options]) });

/* Tells the stand-in for APNs how to answer from now on. */
async function apns(verb) {
  const [host, port] = world.apnsControl.split(':');
  const control = connect(Number(port), host);
  control.write(`${verb}\n`);
  assert.equal(String(await once(control, 'data')), 'ok\n');
  control.destroy();
}
const now = async () => (await world.api('GET', '/pushcerts')).pushcerts.find((c) => c.topic === before.topic && c.state !== 'superseded');

async function renewing() {
  await world.show(page, '/pushcert');
  await page.getByRole('tab', { name: 'Renew', exact: true }).click();
  return page.getByRole('region', { name: '4. Import what Apple gave' });
}

test('a request is made, and what to do in the portal names the certificate', async () => {
  await renewing();
  await page.getByRole('button', { name: 'Make a request' }).click();
  await page.getByRole('button', { name: 'Make another request' }).waitFor();
  const portal = page.getByRole('region', { name: '3. Apple’s portal' });
  await portal.getByText(before.topic, { exact: true }).waitFor();
  await portal.getByText('Write this into the field Notes:').waitFor();
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  assert.equal((await saved).suggestedFilename(), 'push.csr');
});

test('one of another topic is refused with the reason, and nothing has changed', async () => {
  const step = await renewing();
  await step.getByLabel('Drop the certificate here, or choose it').setInputFiles(certificate());
  const refusal = step.getByRole('alert');
  await refusal.getByText('Refused, to keep your fleet reachable').waitFor();
  await refusal.locator('div', { has: page.getByText('What to do', { exact: true }) }).getByText(`the UID ${before.topic}`).first().waitFor();
  await refusal.getByText('Nothing was changed. Under “Renew”, step 1').waitFor();
  assert.doesNotMatch(await refusal.innerText(), /pomona |--/, 'what to do is said for who sits here');
  assert.ok(await refusal.getByRole('button', { name: 'Keep it beside the old one' }).isDisabled(), 'not by one click');
  assert.equal((await now()).serial_number, before.serial_number);
});

test('what is no certificate is refused in words', async () => {
  const step = await renewing();
  await step.getByLabel('Drop the certificate here, or choose it').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no certificate') });
  await step.getByRole('alert').waitFor();
  assert.equal((await now()).serial_number, before.serial_number);
});

test('its renewal is in use at once', async () => {
  const step = await renewing();
  await step.getByLabel('Drop the certificate here, or choose it').setInputFiles(certificate('--topic', before.topic));
  await step.getByText('Imported and in use.').waitFor();
  assert.notEqual((await now()).serial_number, before.serial_number);
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByRole('cell', { name: 'Former' }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('going back to one that Apple refuses is refused with the reason, and done by a second word', async () => {
  await apns('tls revoked');
  await world.show(page, '/pushcert');
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByRole('row', { name: before.serial_number }).getByRole('button', { name: 'Go back to it' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Go back to it', exact: true }).click();
  const refusal = dialog.getByRole('alert');
  await refusal.getByText('Apple refuses this certificate; nothing was changed').waitFor();
  assert.doesNotMatch(await refusal.innerText(), /pomona |--/, 'what to do is said for who sits here');
  assert.notEqual((await now()).serial_number, before.serial_number);
  const anyway = refusal.getByRole('button', { name: 'Go back to it anyway' });
  assert.ok(await anyway.isDisabled(), 'not by one click');
  await refusal.getByRole('checkbox').click();
  await anyway.click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await now()).serial_number, before.serial_number);
  await apns('clear');
  assert.deepEqual(page.troubles, []);
});

test('two people who change the record at once: the second is told, and loses nothing', async () => {
  const other = await world.enter('casey');
  for (const [p, owner] of [[page, 'Alex'], [other, 'Casey']]) {
    await world.show(p, '/pushcert');
    await p.getByRole('tab', { name: 'Who can renew' }).click();
    await p.getByRole('button', { name: 'Edit' }).click();
    await p.getByLabel('Owner', { exact: true }).fill(owner);
  }
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await other.getByRole('button', { name: 'Save', exact: true }).click(); // whether or not it has heard of the other's
  await other.getByText('Somebody else changed it meanwhile').waitFor();
  assert.equal(await other.getByLabel('Owner', { exact: true }).inputValue(), 'Casey');
  await other.getByText('Now it is:').getByText('Alex').waitFor();
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await other.getByText('Saved', { exact: true }).waitFor();
  assert.equal((await world.api('GET', `/pushcerts/record?topic=${before.topic}`)).record.owner, 'Casey');
  assert.deepEqual(other.troubles, []);
});

test('two people who plan renewals at once: the second is told, and what stands there is not taken for nothing', async () => {
  const other = await world.enter('robin');
  for (const p of [page, other]) {
    await world.show(p, '/pushcert');
    await p.getByRole('tab', { name: 'Dates' }).click();
  }
  await other.getByLabel('Plan', { exact: true }).selectOption('on'); // chosen, not saved
  await page.getByLabel('Plan', { exact: true }).selectOption('every');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await other.getByText('Somebody else changed it meanwhile').waitFor();
  assert.equal(await other.getByLabel('Plan', { exact: true }).inputValue(), 'on');
  await page.reload();
  await page.getByRole('tab', { name: 'Dates' }).click();
  await page.waitForFunction(() => document.querySelector('main form select')?.value === 'every');
  assert.deepEqual([...page.troubles, ...other.troubles], []);
});

test('an account that somebody else changed meanwhile is not changed unseen', async () => {
  await world.show(page, '/users');
  await page.getByRole('button', { name: 'robin' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Role').selectOption('operator');
  await world.api('PATCH', '/users/robin', { role: 'viewer' });
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.getByRole('alert').waitFor();
  assert.equal((await world.api('GET', '/users/robin')).role, 'viewer');
});
