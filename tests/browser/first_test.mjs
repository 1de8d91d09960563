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
});

test('a one-use link makes the first account, once', async () => {
  const link = (await world.cli('user', 'setup-link')).split('\n')[0].trim();
  const page = await world.enter();
  assert.deepEqual(page.troubles, []);
  const late = await newPage();
  await late.goto(link);
  await late.getByRole('alert').waitFor();
});
