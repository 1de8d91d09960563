/* Pictures of every page, to be looked at, in the folder SCREENSHOTS: `./dev screenshots`, or `./dev screenshots ja narrow` for
   those with these words in their names.

   Light and dark, narrow and wide, in each language, of a mixed fleet with some trouble; and those pages that show an expired push
   certificate. What no test can say is seen here: what is ugly, cut off, or unclear. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { BIN, lab, newPage, pages, profile, server } from './world.mjs';

const out = process.env.SCREENSHOTS;
const LANGUAGES = { en: 'en-US', fr: 'fr-FR', ja: 'ja-JP' };
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };
const AT_ONCE = 3;

const words = process.argv.slice(2);
const wanted = (name) => words.every((word) => name.split('-').includes(word));

/* A device's id is another each time; its picture's name is not. */
const nameOf = (path) => (path === '/' ? 'overview' : path.slice(1).replace(/^(device|command)s\/[^?]+/, '$1').replace(/[^\w.-]+/g, '-'));

/* Everything that the pages can show: groups, profiles, a device that fails, one that sleeps, one whose place somebody wants. */
async function fleet(world) {
  await world.fill();
  await world.keep(profile('org.example.guests', 'Guest Wi-Fi'));
  await world.api('POST', '/groups', { name: 'Classroom iPads', note: 'Room 12 and 13', rule: 'product~iPad', assign: [{ kind: 'profile', ref: 'org.example.guests' }] });
  await world.devices(await world.link(40), 40, '--mix', '--count', '40', '--trouble', '5');
  await world.devices(await world.link(), 1, '--offline', '--udid', 'LIVING', '--platform', 'ios');
  await world.devices(await world.link(), 1, '--offline', '--udid', 'LIVING', '--platform', 'ios');
  for (const type of ['InstalledApplicationList', 'CertificateList', 'SecurityInfo'])
    await world.api('POST', '/commands', { filter: 'platform=macos', request_type: type, confirm: true });
}

const TABS = { pushcert: ['renew', 'people', 'dates', 'history', 'trouble', 'dossier'], devices: ['security', 'software', 'plan', 'users', 'timeline'], takeovers: ['unknown'] };

/* Pages with tabs: each of them. */
function withTabs(paths) {
  return paths.flatMap((path) => {
    const [, page, id] = path.split('/');
    return [path, ...((page === 'devices') === (id !== undefined) ? (TABS[page] ?? []) : []).map((tab) => `${path}?tab=${tab}`)];
  });
}

async function shoot(world, state, sets, paths, prefix = '') {
  const left = [...sets];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let set = left.shift(); set; set = left.shift()) {
      const [language, scheme, size] = set;
      const named = paths.map((path) => [path, `${prefix}${nameOf(path)}-${language}-${scheme}-${size}`]).filter(([, name]) => wanted(name));
      if (named.length === 0) continue;
      const page = await newPage({ scheme, locale: LANGUAGES[language], state, ...SIZES[size] });
      for (const [path, name] of named) {
        await world.show(page, path);
        await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
      }
      await page.context().close();
    }
  }));
}

const every = Object.keys(LANGUAGES).flatMap((l) => ['light', 'dark'].flatMap((scheme) => Object.keys(SIZES).map((size) => [l, scheme, size])));

test('every page', async () => {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const world = await lab('--supervised');
  await fleet(world);
  const state = await (await world.enter()).context().storageState();
  await shoot(world, state, every, withTabs(await pages(world)));
  await shoot(world, undefined, every, ['/'], 'login-');
  const page = await newPage({ state, width: 1280, height: 800 });
  const { devices } = await world.api('GET', '/devices?limit=1&filter=platform%3Dmacos');
  for (const [name, path] of [['console-overview', '/'], ['console-device', `/devices/${devices[0].id}`]]) {
    await world.show(page, path);
    await page.screenshot({ path: join(out, `${name}.png`) });
  }
});

test('an expired push certificate', async () => {
  const world = await server();
  const file = join(tmpdir(), `expires-${process.pid}.pem`);
  writeFileSync(file, (await promisify(execFile)(BIN, ['lab', 'pushcert', '--seconds', '20'])).stdout, { mode: 0o600 });
  await world.cli('pushcert', 'import', file, '--anyway');
  rmSync(file);
  const state = await (await world.enter()).context().storageState();
  while ((await world.api('GET', '/pushcerts')).pushcerts[0].state !== 'expired') await new Promise((resolve) => setTimeout(resolve, 500));
  await shoot(world, state, every.filter(([language]) => language === 'en'), ['/', '/pushcert', '/pushcert?tab=renew', '/pushcert?tab=trouble', '/doctor'], 'expired-');
});
