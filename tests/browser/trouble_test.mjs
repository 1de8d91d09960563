/* What happens meanwhile: the session ends in the middle of a form, the server goes away and comes back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BIN, PASSWORD, PATIENCE, profile, server, until } from './world.mjs';

const world = await server();
const page = await world.enter();

test('without a push certificate a link is made by a second word only', async () => {
  await world.show(page, '/enrollment');
  await page.getByRole('button', { name: 'Make a link' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const refusal = dialog.getByRole('alert');
  await refusal.getByText('No push certificate is valid now').waitFor();
  assert.doesNotMatch(await refusal.innerText(), /pomona |anyway/, 'what to do is said for who sits here');
  await refusal.getByRole('button', { name: 'Make it all the same' }).click();
  await dialog.getByRole('img').waitFor();
  await dialog.getByRole('button', { name: 'I have it' }).click();
  assert.deepEqual(page.troubles, []);
});

/* Its identity ends while other things happen; when it comes again, that is longer ago than the grace. */
const device = ['--state', mkdtempSync(join(tmpdir(), 'device-')), '--platform', 'ios', '--udid', 'AWAY'];
let link;
test('with one a device enrolls, and goes away', async () => {
  await world.stop();
  await world.start();
  await world.settings({ 'identity-validity': '20s', 'identity-grace': '1s' });
  const pushcert = join(mkdtempSync(join(tmpdir(), 'pushcert-')), 'push.pem');
  writeFileSync(pushcert, execFileSync(BIN, ['lab', 'pushcert']));
  await world.cli('pushcert', 'import', '--yes', '--anyway', pushcert);
  link = await world.link();
  await world.devices(link, 1, ...device, '--stop-after', 'enroll');
  await world.show(page, '/devices/AWAY');
});

async function endSessions() {
  const { sessions } = await world.api('GET', '/sessions');
  for (const { id } of sessions) await world.api('DELETE', `/sessions/${id}`);
}

/* Pressed although the page knows already, by its stream, that the session has ended: its dialog is in front then. */
const press = (name) => page.locator('main button', { hasText: name }).dispatchEvent('click');

test('a session that ends in the middle of a form loses no text', async () => {
  await world.show(page, '/new-group');
  await page.getByLabel('Name', { exact: true }).fill('Half typed');
  await page.getByLabel('Rule', { exact: true }).fill('platform=macos');
  await endSessions();
  await press('Make the group');
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Log in', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Half typed');
  await page.getByRole('button', { name: 'Make the group' }).click();
  await page.getByRole('heading', { level: 1, name: 'Half typed' }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('what a page reads by itself while nobody touches it does not put off the end of the session', async () => {
  await world.show(page, '/groups');
  await page.getByText('Live', { exact: true }).waitFor();
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 120_000;
  });
  const read = async (name) => {
    const again = page.waitForRequest((r) => r.method() === 'GET' && /\/api\/v1\/groups/.test(r.url()));
    await world.api('POST', '/groups', { name, rule: 'platform=ios' });
    return (await again).headers()['x-by-itself'];
  };
  assert.equal(await read('Nobody looks'), '1');
  await page.getByRole('link', { name: 'Nobody looks' }).waitFor();
  await page.keyboard.press('Shift');
  assert.equal(await read('Somebody looks'), undefined);
});

test('with as many streams as one may have, a page reads by itself what changes, and is live when one is free', async () => {
  const cookie = (await page.context().cookies()).map((c) => `${c.name}=${c.value}`).join('; ');
  const held = []; // an answer that nobody holds is ended
  const other = await page.context().newPage();
  await page.goto('about:blank');
  const follow = async () => {
    const end = new AbortController();
    const answer = await fetch(`${world.url}/api/v1/events`, { headers: { cookie }, signal: end.signal });
    if (answer.status === 200) held.push({ answer, end });
  };
  for (const by = Date.now() + PATIENCE; held.length < 8 && Date.now() < by;) await follow(); // the page's own may still end
  assert.equal(held.length, 8);
  await other.clock.install();
  await other.goto(`${world.url}/groups`);
  await other.getByText('Not live', { exact: true }).waitFor();
  const tries = () => other.waitForResponse((r) => r.url().includes('/api/v1/events'));
  await world.api('POST', '/groups', { name: 'Read anyway', rule: 'platform=ios' });
  let tried = tries();
  await other.clock.runFor(6_000);
  assert.equal((await tried).status(), 503);
  await other.getByRole('link', { name: 'Read anyway' }).waitFor();
  await other.getByText('Not live', { exact: true }).waitFor();
  for (const { end } of held) end.abort();
  do {
    tried = tries();
    await other.clock.runFor(6_000);
  } while ((await tried).status() !== 200);
  await other.getByText('Live', { exact: true }).waitFor();
  await other.close();
});

test('a page that nobody sees gives its stream back, and is live when it is seen again', async () => {
  const seen = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, 'hidden', { value: is, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await world.show(page, '/groups');
  await page.getByText('Live', { exact: true }).waitFor();
  await seen(true);
  await page.getByText('Not live', { exact: true }).waitFor();
  await world.api('POST', '/groups', { name: 'Not seen', rule: 'platform=ios' });
  await seen(false);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Not seen' }).waitFor();
});

test('what changes between the first look of a page and its stream is seen as soon as it is live', async () => {
  const other = await world.enter('early', { role: 'viewer' }); // with a clock of its own
  let begin;
  const held = new Promise((resolve) => { begin = resolve; });
  await other.route('**/api/v1/events*', async (route) => {
    await held;
    await route.continue();
  });
  await other.clock.install();
  await other.goto(`${world.url}/groups`);
  await other.getByRole('link', { name: 'Not seen' }).waitFor();
  await other.clock.pauseAt(Date.now() + 3_000); // what is read now and then would show it some day, too
  await world.api('POST', '/groups', { name: 'In between', rule: 'platform=ios' });
  await page.getByRole('link', { name: 'In between' }).waitFor(); // the server has told it to who listens
  begin();
  await other.getByText('Live', { exact: true }).waitFor();
  await other.clock.runFor(2_000);
  await other.getByRole('link', { name: 'In between' }).waitFor();
  await other.context().close();
});

test('so does the form of the own password, whose refusal is another one', async () => {
  await world.show(page, '/account');
  await page.getByLabel('Current password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('New password', { exact: true }).fill(`${PASSWORD} 2`);
  await page.getByLabel('Password again').fill(`${PASSWORD} 2`);
  await endSessions();
  await press('Change the password');
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Log in', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('New password', { exact: true }).inputValue(), `${PASSWORD} 2`);
  assert.deepEqual(page.troubles, []);
});

test('a server that goes away is told of, and the page goes on by itself when it is back', async () => {
  await world.show(page, '/groups');
  await page.getByText('Live', { exact: true }).waitFor();
  await world.stop();
  const banner = page.getByRole('alert').filter({ hasText: 'The server does not answer' });
  await banner.first().waitFor();
  await world.start();
  await banner.first().waitFor({ state: 'detached' });
  await page.getByText('Live', { exact: true }).waitFor();
  await world.api('POST', '/groups', { name: 'Made meanwhile', rule: 'platform=ios' });
  await page.getByRole('link', { name: 'Made meanwhile' }).waitFor();
});

test('the banner is seen wherever one is on a page, and one that was asked for meanwhile comes when the server is back', async () => {
  await world.show(page, '/settings');
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await world.stop();
  const banner = page.getByRole('alert').filter({ hasText: 'The server does not answer' });
  await banner.first().waitFor();
  assert.ok(await banner.first().evaluate((b) => window.scrollY > 200 && b.getBoundingClientRect().top > 0));
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await page.waitForURL('**/webhooks');
  await world.start();
  await page.getByRole('heading', { level: 1, name: 'Webhooks' }).waitFor();
  await banner.first().waitFor({ state: 'detached' });
});

test('a page whose file is not there any more is begun anew', async () => {
  await world.show(page, '/groups');
  await page.route('**/assets/doctor.*', (route) => route.fulfill({ status: 404 }), { times: 2 });
  await page.getByRole('link', { name: 'Doctor' }).click();
  await page.getByRole('heading', { level: 1, name: 'Doctor' }).waitFor();
  await page.unroute('**/assets/doctor.*');
});

test('who could not be logged out is told', async () => {
  await world.show(page, '/groups');
  await page.route('**/api/v1/session', (route) => (route.request().method() === 'DELETE' ? route.fulfill({ status: 503, json: { error: { code: 'storage', message: 'full' } } }) : route.fallback()));
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('You are still logged in', { exact: false }).waitFor();
  await page.unroute('**/api/v1/session');
  await world.show(page, '/groups');
  assert.deepEqual(page.troubles, []);
});

test('what was pressed while the server was away is told, and can be pressed again', async () => {
  await world.show(page, '/tokens');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('backup');
  await world.stop();
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'The server does not answer' }).waitFor();
  await world.start();
  await dialog.getByRole('alert').filter({ hasText: 'The server did not answer' }).waitFor();
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  await dialog.getByText('It is shown only now.', { exact: false }).waitFor();
  assert.equal((await world.api('GET', '/tokens')).tokens.filter((k) => k.name === 'backup').length, 1);
});

test('an app is given by its number or address, and what cannot be right is told while it is typed', async () => {
  await world.show(page, '/new-group');
  await page.getByLabel('Name', { exact: true }).fill('new');
  await page.getByLabel('Rule', { exact: true }).fill('platform=ios');
  await page.getByLabel('Kind').selectOption('app');
  const add = page.getByRole('button', { name: 'Add this' });
  await page.getByLabel('Bundle identifier').fill('com.apple.Numbers');
  await page.getByLabel('App Store number').fill('12a');
  await page.getByText('This is no App Store number', { exact: false }).waitFor();
  assert.ok(await add.isDisabled());
  await page.getByLabel('App Store number').fill('https://apps.apple.com/de/app/numbers/id361304891');
  await page.getByText('More of what InstallApplication takes').click();
  await page.getByLabel('Configuration').fill('{"team": ');
  assert.ok(await add.isDisabled());
  await page.getByLabel('Configuration').fill('{"team": 4}');
  await add.click();
  await page.getByRole('button', { name: 'Make the group' }).click();
  await page.getByRole('heading', { level: 1, name: 'new', exact: true }).waitFor();
  const { assignments: [app] } = await world.api('GET', '/groups/new');
  assert.deepEqual([app.kind, app.ref, app.options], ['app', '361304891', { identifier: 'com.apple.Numbers', Configuration: { team: 4 } }]);
  assert.deepEqual(page.troubles, []);
});

/* As a hand drops files of the disk. */
async function drop(locator, ...files) {
  const { x, y, width, height } = await locator.boundingBox();
  const debug = await page.context().newCDPSession(page);
  const at = { x: x + width / 2, y: y + height / 2, data: { items: [], files, dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await debug.send('Input.dispatchDragEvent', { type, ...at });
}

test('of a folder what fits is taken; what does not is told; beside the place nothing is lost', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drop-'));
  for (const name of ['all/deep', 'none']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'all/deep/a.mobileconfig'), profile('org.example.a'));
  for (const name of ['all/notes.txt', 'none/notes.txt', 'empty.mobileconfig']) writeFileSync(join(folder, name), '');
  writeFileSync(join(folder, 'large.mobileconfig'), Buffer.alloc(5 << 20, 65));
  await world.show(page, '/profiles');
  await page.getByRole('button', { name: 'Add profiles' }).click();
  const place = page.locator('.drop');
  await drop(place, join(folder, 'none'));
  await place.getByRole('alert').filter({ hasText: 'There is nothing for here in' }).waitFor();
  await drop(place, join(folder, 'all'), join(folder, 'empty.mobileconfig'), join(folder, 'large.mobileconfig'));
  await page.getByText('org.example.a', { exact: true }).waitFor();
  await page.getByText('The file is empty.').waitFor();
  await page.getByText('1 file is too large').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Edit', exact: true }).count(), 2);
  await drop(page.getByRole('heading', { level: 1 }), join(folder, 'empty.mobileconfig'));
  assert.equal(new URL(page.url()).pathname, '/profiles');
  assert.deepEqual(page.troubles, []);
});

test('a server that hangs is told of as one that is gone, and what was pressed meanwhile is done when it goes on', async () => {
  await page.clock.install();
  await world.show(page, '/tokens');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('patient');
  world.hang();
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  const banner = page.locator('main > .stays [role=alert]').filter({ hasText: 'The server does not answer' });
  await page.clock.runFor(15_000); // the answer is late; a small thing is asked, and not answered either
  await banner.waitFor({ state: 'attached' });
  world.goOn();
  await dialog.getByText('It is shown only now.', { exact: false }).waitFor();
  await page.clock.runFor(3_000);
  await banner.waitFor({ state: 'detached' });
  assert.deepEqual(page.troubles, []);
});

test('a stream that says nothing any more is noticed, and begun anew', async () => {
  await world.show(page, '/groups');
  await page.getByText('Live', { exact: true }).waitFor();
  const anew = page.waitForRequest((rq) => rq.url().includes('/api/v1/events'));
  await page.clock.runFor(40_000); // the page's clock: on the server's no second has passed, so it has said nothing
  await anew;
  await page.getByText('Live', { exact: true }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('letters that nobody took are seen, and sent again when somebody takes them', async (t) => {
  const taken = [];
  let status = 503;
  const receiver = createServer((rq, answer) => {
    const parts = [];
    rq.on('data', (part) => parts.push(part)).on('end', () => {
      taken.push({ status, event: JSON.parse(Buffer.concat(parts)) });
      answer.writeHead(status).end();
    });
  }).listen(0, '127.0.0.1');
  t.after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  await once(receiver, 'listening');
  const hook = { 'webhook-url': `http://127.0.0.1:${receiver.address().port}/hook`, 'webhook-events': 'all' };
  await world.settings(hook);
  const letter = () => taken.find((x) => x.event.topic === 'pomona.group.added');
  let groups = 0;
  await until(async () => { // a receiver is told of what happens a moment after the settings were read
    if (!letter()) await world.api('POST', '/groups', { name: `Not told ${++groups}`, rule: 'platform=ios' });
    return letter();
  });
  const { event, ...first } = letter();
  await world.show(page, '/webhooks');
  await page.getByText('failing', { exact: true }).waitFor();
  await world.settings({});
  await until(async () => (await world.api('GET', '/webhooks/dead')).dead.length > 0);
  await world.show(page, '/webhooks');
  await page.getByText('no longer in the settings').waitFor();
  const letters = page.getByRole('table', { name: 'Dead letters' });
  await letters.getByRole('row', { name: /group\.added.*503/ }).first().waitFor();
  status = 204;
  await world.settings(hook);
  await page.getByRole('button', { name: 'Send again…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).click();
  await page.getByText('No dead letters: everything was taken.').waitFor();
  await page.getByText('delivering', { exact: true }).waitFor();
  assert.equal(first.status, 503);
  assert.ok(taken.some((x) => x.status === 204 && x.event.event_id === event.event_id));
  await world.settings({});
  assert.deepEqual(page.troubles, []);
});

test('a device whose identity ended too long ago is told of, and renews it when it is given time', async () => {
  await world.settings({ 'identity-grace': '1s' });
  const ended = (await world.api('GET', '/devices/AWAY')).identity_not_after;
  await until(() => Date.now() > Date.parse(ended) + 2_000);
  await world.devices(link, 0, ...device, '--poll', '1');
  await until(async () => (await world.api('GET', '/refused?id=AWAY')).refused.some((r) => r.reason === 'expired'));
  await world.show(page, '/devices/AWAY');
  await page.getByText('Identity expired').first().waitFor();
  await page.locator('main').getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Let it renew its identity…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Let it renew its identity' }).click();
  await page.getByText('It may renew for seven days').waitFor();
  await page.getByText('Identity expired').first().waitFor({ state: 'detached' });
  assert.ok((await world.api('GET', '/devices/AWAY')).identity_not_after > ended);
  assert.deepEqual(page.troubles, []);
});
