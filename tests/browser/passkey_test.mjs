/* Passkeys, with an authenticator that the browser pretends to have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, newPage, PASSWORD, server } from './world.mjs';

const world = await server();
const address = world.url;
world.url = address.replace('127.0.0.1', 'localhost'); // passkeys are for names
const page = await world.enter();

/* A computer with a fingerprint reader, whose user is always there. */
const computer = await page.context().newCDPSession(page);
await computer.send('WebAuthn.enable');
const { authenticatorId } = await computer.send('WebAuthn.addVirtualAuthenticator', {
  options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
});

async function add(name, password) {
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Current password').fill(password);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  return dialog;
}

async function logOut() {
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in to pomona' }).waitFor();
}

const byPasskey = (place) => place.getByRole('button', { name: 'Log in with a passkey' });

test('a passkey is added with the password once more, one for each device', async () => {
  const wrong = await add('My computer', 'not the password');
  await wrong.getByText('The password is wrong.').waitFor();
  await page.keyboard.press('Escape');
  await add('My computer', PASSWORD);
  await page.getByRole('cell', { name: 'My computer' }).waitFor();
  assert.deepEqual(await axe(page), []);
  const again = await add('Once more', PASSWORD);
  await again.getByText('This device has a passkey of yours already.').waitFor();
  await page.keyboard.press('Escape');
  assert.equal((await world.api('GET', '/users/alex')).passkeys, 1);
});

test('it logs in without a name and a password', async () => {
  await logOut();
  assert.deepEqual(await axe(page), []);
  await byPasskey(page).click();
  await page.getByRole('navigation').waitFor();
  const { sessions } = await world.api('GET', '/sessions');
  assert.equal(sessions[0].method, 'passkey');
  const { audit } = await world.api('GET', '/audit?act=login');
  assert.equal(audit[0].detail, 'passkey');
});

test('a session that ended goes on by it where it was', async () => {
  await page.goto(`${world.url}/account`);
  await page.getByLabel('New password', { exact: true }).fill('typed before');
  await page.context().clearCookies();
  await page.locator('main button', { hasText: 'End all others' }).dispatchEvent('click'); // the page may know already, and ask
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await byPasskey(dialog).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('New password', { exact: true }).inputValue(), 'typed before');
});

test('who is not verified by the device is not let in', async () => {
  await logOut();
  await computer.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  await byPasskey(page).click();
  await page.getByRole('alert').waitFor();
  await computer.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  await byPasskey(page).click();
  await page.getByRole('navigation').waitFor();
});

test('one that was removed opens nothing', async () => {
  await page.goto(`${world.url}/account`);
  await page.getByRole('button', { name: 'Remove the passkey' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Current password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Remove the passkey' }).click();
  await page.getByRole('cell', { name: 'My computer' }).waitFor({ state: 'detached' });
  await logOut();
  await byPasskey(page).click();
  await page.getByRole('alert').waitFor();
  assert.deepEqual(page.troubles, []);
});

test('where browsers have no passkeys, none are offered', async () => {
  const other = await newPage();
  await other.goto(address);
  await other.getByRole('button', { name: 'Log in', exact: true }).waitFor();
  assert.equal(await byPasskey(other).count(), 0);
});
