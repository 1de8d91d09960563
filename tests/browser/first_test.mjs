/* The first run: a link, an account, and a page that shows the fleet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, lab, newPage } from './world.mjs';

const world = await lab();

test('without an account nothing is shown but the login', async () => {
  const page = await newPage();
  await page.goto(world.url);
  await page.getByRole('heading', { name: 'Log in to pomona' }).waitFor();
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.troubles, []);
  for (const path of ['/nowhere', '/devices/', '/Console/x']) {
    const answer = await page.goto(world.url + path);
    assert.equal(answer.status(), 404, path);
    assert.equal(answer.headers()['www-authenticate'], undefined, 'the browser does not ask by itself');
    await page.getByRole('heading', { name: 'Log in to pomona' }).waitFor();
  }
});

test('a one-use link makes the first account, once', async () => {
  const link = (await world.cli('user', 'setup-link')).split('\n')[0].trim();
  const page = await world.enter();
  assert.deepEqual(page.troubles, []);
  const late = await newPage();
  await late.goto(link);
  await late.getByRole('alert').waitFor();
  await late.getByRole('link', { name: 'Log in' }).click();
  await late.getByRole('heading', { name: 'Log in to pomona' }).waitFor();
});

test('an address where no page is says so, and leads back', async () => {
  const page = await world.enter('kim');
  await page.goto(`${world.url}/nowhere`);
  await page.getByRole('heading', { level: 1, name: 'Nothing here' }).waitFor();
  await page.locator('main').getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  for (const [path, accept, status] of [['/nowhere', 'application/json', 401], ['/api/v1/nowhere', 'text/html', 401], ['/v1/nowhere', 'text/html', 401]])
    assert.equal((await fetch(world.url + path, { headers: { accept } })).status, status, `${path}, ${accept}`);
});

test('who gets an account or logs in is seen without a reload', async () => {
  const page = await world.enter('robin');
  await world.show(page, '/users');
  await page.getByText('Live', { exact: true }).waitFor();
  await world.enter('zoe', { role: 'viewer' });
  await page.getByRole('button', { name: 'zoe', exact: true }).waitFor();
  await page.getByRole('table', { name: 'Sessions' }).getByText('zoe', { exact: true }).waitFor();
  assert.deepEqual(page.troubles, []);
});
