/* What is done with devices one by one and together, seen by what becomes of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { lab, until } from './world.mjs';

const world = await lab();
const page = await world.enter();
const { devices } = await world.api('GET', '/devices');
const mac = devices.find((d) => d.fields.platform === 'macos');

/* What must be typed stands in the label of its field. */
async function confirm(button) {
  const dialog = page.getByRole('dialog');
  const field = dialog.getByLabel(/^Type .+ to go on$/);
  await field.waitFor();
  const word = /Type [\u2068]?([^\u2069]+?)[\u2069]? to go on/.exec(await dialog.innerText())[1];
  assert.ok(await dialog.getByRole('button', { name: button, exact: true }).isDisabled());
  await field.fill(word);
  await dialog.getByRole('button', { name: button, exact: true }).click();
}

test('a recovery key is revealed to who gives a reason, which is recorded, and the Mac makes another one', async () => {
  await world.keep(readFileSync(new URL('../../profiles/templates/filevault.mobileconfig', import.meta.url)));
  await world.cli('profile', 'install', mac.id, 'org.example.filevault');
  await until(async () => (await world.api('GET', '/commands?type=InstallProfile')).commands.every((c) => c.status === 'Acknowledged'));
  await world.cli('device', 'refresh', mac.id);
  await world.show(page, `/devices/${mac.id}?tab=security`);
  const key = (state) => page.getByRole('table', { name: 'Escrow' }).getByRole('row', { name: new RegExp(`recovery key.*${state}`) });
  await key('in force').getByRole('button', { name: 'Reveal' }).click();
  const dialog = page.getByRole('dialog');
  const reveal = dialog.getByRole('button', { name: 'Reveal' });
  assert.ok(await reveal.isDisabled());
  await dialog.getByLabel('Reason').fill('ticket 4711');
  await reveal.click();
  assert.match(await dialog.locator('.secret code').textContent(), /^([A-Z0-9]{4}-){5}[A-Z0-9]{4}$/);
  await dialog.getByRole('button', { name: 'Hide it' }).click();
  await key('former').getByText('ticket 4711').waitFor();
  await key('in force').getByText('never').waitFor();
  const { audit: [record] } = await world.api('GET', '/audit?who=alex&limit=1');
  assert.deepEqual([record.act, record.object, record.status], ['POST /api/v1/devices/:id/escrow/reveal', mac.id, 200]);
  assert.deepEqual(page.troubles, []);
});

test('an erased device comes back as a new one', async () => {
  const [id] = await world.devices(await world.link(), 1, '--platform', 'ios', '--return', await world.link());
  await world.show(page, `/devices/${id}`);
  await page.getByRole('button', { name: 'Send a command…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('searchbox').fill('EraseDevice');
  await dialog.getByRole('button', { name: /EraseDevice/ }).click();
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await confirm('Erase');
  await until(async () => (await world.api('GET', `/devices/${id}`)).history.length === 2);
  await page.getByRole('tab', { name: 'Users' }).click();
  await page.getByRole('table', { name: 'Enrollments' }).getByRole('row', { name: /^former/ }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('who claims a device gets it when that is accepted: the former one is not served any more', async () => {
  const claim = async () => world.devices(await world.link(), 1, '--udid', 'CLAIMED', '--platform', 'ios', '--offline');
  await claim();
  await world.cli('device', 'restart', 'CLAIMED');
  await claim();
  await world.show(page, '/takeovers');
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Accept' }).click();
  await page.getByText('Nobody claims a device that another one has.').waitFor();
  const { history } = await world.api('GET', '/devices/CLAIMED');
  assert.deepEqual(history.map((g) => [g.state, g.way_in]), [['current', 'operator'], ['former', null]]);
  const { commands } = await world.api('GET', '/commands?device=CLAIMED&type=RestartDevice');
  assert.deepEqual(commands.map((c) => c.status), ['Cancelled'], 'the new one inherits no queue');
  await world.show(page, '/devices/CLAIMED?tab=timeline');
  await page.getByRole('listitem').filter({ hasText: 'Takeover accepted' }).getByText('by alex').waitFor();
  assert.deepEqual(page.troubles, []);
});

test('a device that is released belongs to who enrolls next: nobody has to decide', async () => {
  const come = async () => world.devices(await world.link(), 1, '--udid', 'RELEASED', '--platform', 'ios', '--offline');
  await come();
  await world.show(page, '/devices/RELEASED');
  await page.locator('main').getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Release its identity…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release its identity' }).click();
  await page.getByText('Released for 24 hours').waitFor();
  await come();
  assert.deepEqual((await world.api('GET', '/takeovers')).takeovers, []);
  assert.deepEqual((await world.api('GET', '/devices/RELEASED')).history.map((g) => g.state), ['current', 'former']);
  await page.getByRole('tab', { name: 'Timeline' }).click();
  await page.getByText('Device released').waitFor();
  assert.deepEqual(page.troubles, []);
});

test('who knocks with an identity of ours and is not known is adopted, and served', async () => {
  const [id] = await world.devices(await world.link(), 1, '--platform', 'ios', '--poll', '1');
  await world.cli('device', 'forget', id, '--anyway');
  await until(async () => (await world.api('GET', `/refused?id=${id}`)).refused.length > 0);
  await world.show(page, '/takeovers?tab=unknown');
  await page.getByRole('button', { name: 'Adopt' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Adopt' }).click();
  await page.getByText('Adopted: it is served when it comes again').waitFor();
  await page.getByRole('button', { name: 'Adopt' }).waitFor({ state: 'detached' });
  await world.cli('command', 'send', id, 'ProfileList');
  await until(async () => (await world.api('GET', `/commands?device=${id}`)).commands.some((c) => c.status === 'Acknowledged'));
  assert.deepEqual(page.troubles, []);
});

test('a table is refused as a whole by line, then taken; the list goes out as one that no spreadsheet runs', async () => {
  await world.show(page, '/devices?filter=platform%3Dmacos&columns=name,user,note');
  await page.getByRole('button', { name: 'Import CSV' }).click();
  const dialog = page.getByRole('dialog');
  const table = (text) => dialog.locator('input[type=file]').setInputFiles({ name: 'fleet.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await table(`serial,user,note\n${mac.serial_number},Anna,x\nNOBODY,Bert,y\n`);
  await dialog.getByRole('row', { name: /3.*NOBODY/ }).waitFor();
  await table(`\ufeffserial;user;note\r\n${mac.serial_number};"=Anna, ""A""";@x\r\n`);
  await dialog.getByRole('button', { name: /^Set/ }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('grid').getByText('=Anna, "A"').waitFor();
  const coming = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export CSV' }).click();
  const text = readFileSync(await (await coming).path(), 'utf8');
  assert.equal(text, `name,user,note\r\nLab Mac,"'=Anna, ""A""",'@x\r\n`);
  assert.deepEqual(page.troubles, []);
});

test('a device that waits in Setup Assistant goes on, is told to leave, and gets a link by which it comes again', async () => {
  const [id] = await world.devices(await world.link(), 1, '--platform', 'ios', '--supervised', '--await');
  const act = async (name) => {
    await page.locator('main').getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name, exact: true }).click();
  };
  const dialog = page.getByRole('dialog');
  await world.show(page, `/devices/${id}`);
  await act('Let Setup Assistant go on…');
  await dialog.getByRole('button', { name: 'Let Setup Assistant go on' }).click();
  await until(async () => (await world.api('GET', `/commands?device=${id}&type=DeviceConfigured`)).commands[0]?.status === 'Acknowledged');
  await act('Unenroll…');
  await confirm('Unenroll');
  await page.locator('.device-lead').getByText('Has left').waitFor();
  await act('Make a link for it…');
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await dialog.getByRole('img').waitFor();
  assert.equal((await world.api('GET', '/links')).links[0].device, id);
  assert.deepEqual(page.troubles, []);
});

test('many devices are blocked, served again and tagged by their number', async () => {
  await world.show(page, '/devices?filter=platform%3Dmacos%20or%20platform%3Dtvos&columns=name,state,tag');
  const total = await page.getByRole('grid').locator('[data-line]').count();
  await page.getByRole('grid').getByRole('checkbox').first().click();
  await page.getByRole('button', { name: /^Choose all/ }).click();
  const act = async (name) => {
    await page.locator('.chosen-bar').getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name, exact: true }).click();
  };
  await act('Block…');
  await confirm(`Block ${total} devices`);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal((await world.api('GET', '/devices?filter=state%3Dblocked')).total, total);
  await act('Unblock…');
  await page.getByRole('dialog').getByRole('button', { name: `Unblock ${total} devices` }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await act('Set user, tag, note…');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What').selectOption('tag');
  await dialog.getByLabel('Text').fill('4b');
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await dialog.getByRole('button', { name: `Set it for ${total} devices` }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await world.api('GET', '/devices?filter=tag%3D4b%20state%3Denrolled')).total, total);
  assert.deepEqual(page.troubles, []);
});

test('the record of acts tells each in words, by which it can be looked for', async () => {
  await world.show(page, '/audit');
  await page.getByLabel('Act', { exact: true }).selectOption('Sent a command');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.waitForURL(/act=POST/);
  const rows = page.getByRole('table').getByRole('row');
  await rows.nth(1).getByText('POST /api/v1/commands').waitFor();
  assert.equal(await rows.count(), 1 + (await rows.getByText('Sent a command').count()));
});
