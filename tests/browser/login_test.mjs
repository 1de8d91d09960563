/* Who comes in: password, second factor, recovery codes; what each role is shown and may ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, lab, newPage, PASSWORD, totp } from './world.mjs';

const world = await lab();
const page = await world.enter();
let secret, codes;

async function logIn(on, name = 'alex', password = PASSWORD) {
  await on.goto(world.url);
  await on.getByLabel('Name').fill(name);
  await on.getByLabel('Password', { exact: true }).fill(password);
  await on.getByRole('button', { name: 'Log in', exact: true }).click();
}

test('a wrong password is refused in words, and the name stays', async () => {
  const other = await newPage();
  await logIn(other, 'alex', 'not the password at all');
  await other.getByRole('alert').waitFor();
  assert.equal(await other.getByLabel('Name').inputValue(), 'alex');
  assert.deepEqual(other.troubles, []);
});

test('an authenticator app becomes the second factor', async () => {
  await page.getByRole('button', { name: 'Add an authenticator app' }).click();
  await page.getByRole('button', { name: 'Begin' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('img').waitFor();
  secret = await dialog.locator('.clip code').textContent();
  await dialog.getByLabel('Code', { exact: true }).fill('000000');
  await dialog.getByRole('button', { name: 'Turn it on' }).click();
  await dialog.getByRole('alert').waitFor();
  await dialog.getByLabel('Code', { exact: true }).fill(totp(secret));
  await dialog.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByRole('heading', { name: 'Recovery codes' }).waitFor();
  codes = await page.locator('.codes code').allTextContents();
  assert.ok(codes.length >= 8, `${codes.length} codes`);
  assert.deepEqual(await axe(page), []);
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('On', { exact: true }).waitFor();
  assert.equal(await page.getByRole('button', { name: /authenticator app/ }).count(), 0); // one at a time: the server refuses a second one
});

test('the password alone does not log in any more; with a code it does', async () => {
  const other = await newPage();
  await logIn(other);
  await other.getByLabel('Code', { exact: true }).fill(totp(secret, 1)); // the one that turned it on is used up
  await other.getByRole('button', { name: 'Log in', exact: true }).click();
  await other.getByRole('navigation').waitFor();
  assert.deepEqual(other.troubles, []);
});

test('a recovery code logs in once', async () => {
  for (const works of [true, false]) {
    const other = await newPage();
    await logIn(other);
    await other.getByLabel('Code', { exact: true }).fill(codes[0]);
    await other.getByRole('button', { name: 'Log in', exact: true }).click();
    if (works) await other.getByRole('navigation').waitFor();
    else await other.getByRole('alert').filter({ hasText: 'The code is wrong' }).waitFor();
  }
});

test('who logs out is out, and cannot go back', async () => {
  const other = await world.enter('casey', { role: 'operator' });
  await other.getByRole('button', { name: 'Log out' }).click();
  await other.getByRole('heading', { name: 'Log in to pomona' }).waitFor();
  await other.goto(`${world.url}/account`);
  await other.getByRole('heading', { name: 'Log in to pomona' }).waitFor();
});

/* What a page of the console asks, with its cookie and its token against forgery. */
function ask(on, method, path, body) {
  return on.evaluate(async ([m, p, b]) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const init = { method: m, headers: { 'X-CSRF-Token': csrf, 'Content-Type': 'application/json' } };
    return (await fetch(`/api/v1${p}`, b === null ? init : { ...init, body: JSON.stringify(b) })).status;
  }, [method, path, body ?? null]);
}

test('a viewer looks and can do no harm, by the API either', async () => {
  const viewer = await world.enter('vi', { role: 'viewer' });
  const { devices: [device] } = await world.api('GET', '/devices');
  for (const [path, forbidden] of [['/profiles', 'Add profiles'], ['/groups', 'New group']]) {
    await viewer.goto(world.url + path);
    await viewer.locator('main .card').first().waitFor();
    assert.equal(await viewer.getByRole('button', { name: forbidden }).count() + await viewer.getByRole('link', { name: forbidden }).count(), 0, path);
  }
  for (const name of ['People', 'API tokens']) assert.equal(await viewer.getByRole('link', { name, exact: true }).count(), 0, name);
  await viewer.goto(`${world.url}/users`);
  await viewer.getByRole('heading', { name: 'Not for your role' }).waitFor();
  const acts = [
    ['POST', '/commands', { ids: [device.id], request_type: 'RestartDevice' }], ['DELETE', `/devices/${device.id}`], ['POST', '/groups', { name: 'x', rule: 'platform=macos' }],
    ['POST', '/profiles', { files: [] }], ['POST', '/links', { uses: 1 }], ['GET', '/links'], ['PUT', '/pushcerts', { files: [] }], ['GET', '/users'], ['GET', '/audit'],
    ['POST', '/tokens', { name: 'mine', role: 'admin' }],
  ];
  for (const [method, path, body] of acts) assert.equal(await ask(viewer, method, path, body), 403, `${method} ${path}`);
  assert.equal(await ask(viewer, 'GET', '/devices'), 200);
  assert.equal((await world.api('GET', '/devices')).devices.length, 3);
  assert.deepEqual(viewer.troubles, []);
});

test('a change by another site, which knows no token against forgery, is refused', async () => {
  const status = await page.evaluate(async () => (await fetch('/api/v1/me/sessions', { method: 'DELETE' })).status);
  assert.equal(status, 403);
});
