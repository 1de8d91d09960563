/* Every page: readable to those who do not see it or use no mouse, in both colour schemes; nothing is asked of other hosts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, lab, newPage, pages, profile } from './world.mjs';

const world = await lab('--supervised');
await world.fill();
const all = await pages(world);

test('axe finds nothing on any page, light and dark', async () => {
  const page = await world.enter('sam');
  const found = [];
  for (const path of all) {
    await page.emulateMedia({ colorScheme: 'light' });
    await world.show(page, path);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      found.push(...(await axe(page)).map((f) => `${path}, ${colorScheme}: ${f}`));
    }
  }
  assert.deepEqual(found, []);
  assert.deepEqual(page.troubles, []);
});

test('the keyboard alone goes everywhere', async () => {
  const page = await world.enter('robin');
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
  await world.show(page, '/');
  await page.locator('body').press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  for (const [letter, name] of [['a', 'My account'], ['c', 'Push certificate'], ['o', 'Overview']]) {
    await page.keyboard.press('g');
    await page.keyboard.press(letter);
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await page.waitForFunction((n) => document.activeElement?.tagName === 'H1' && document.activeElement.textContent === n, name);
  }
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.deepEqual(page.troubles, []);
});

test('a dialog keeps the focus and gives it back', async () => {
  const page = await world.enter('toni');
  await world.show(page, '/tokens');
  const button = page.getByRole('button', { name: 'Make a token' });
  await button.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest('dialog') !== null), `after ${i + 1} tabs`);
  }
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.ok(await button.evaluate((b) => b === document.activeElement));
});

test('the pages speak the language of the browser, or the one that is chosen', async () => {
  const page = await world.enter('yuki');
  const context = page.context();
  await page.getByLabel('Language').selectOption('ja');
  await page.getByRole('heading', { level: 1, name: 'マイアカウント' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
  await page.getByLabel('言語').selectOption('fr');
  await page.getByRole('heading', { level: 1, name: 'Mon compte' }).waitFor();

  // what the server says is told by its kind in the reader's language, and by its sentence, marked as English
  await page.goto(`${world.url}/devices/there-is-none`);
  const alert = page.getByRole('alert');
  await alert.getByText('Introuvable').waitFor();
  assert.match(await alert.locator('[lang=en]').innerText(), /there-is-none/);

  // and times are those of the reader, with the zone in their title
  await page.goto(`${world.url}/account`);
  const ends = page.locator('main time').first();
  await ends.waitFor();
  assert.match(await ends.getAttribute('datetime'), /^\d{4}-.*Z$/);
  assert.match(await ends.getAttribute('title'), /(lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche) .*(UTC|GMT|CET|[A-Z]{3})/);
  await context.close();
});

/* Texts of devices and people that would do something were they not shown as text. */
const HARSH = [
  ['markup', '<img src=x onerror=document.title=1><script>alert(1)</script>'],
  ['bidi', 'abc\u202edef\u2066ghi'],
  ['emoji', '👩‍👩‍👧‍👦🏳️‍🌈 Ω̷̢̛'],
  ['long', 'W'.repeat(10_000)],
  ['marks', `Z${'\u0301\u0316'.repeat(30)}algo`],
];
/* Scripts that need their marks and joiners; the mark of direction is in names that Apple's devices give themselves. */
const SCRIPTS = ['ที่นี่น้ำ', 'क्ष्म्य', 'بِسْمِ ٱللَّٰهِ', '\u200fiPhone של דנה', 'می\u200cخواهم', '\u1100\u1161\u11a8', 'e\u0301', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'].join(' ');
test('markup, bidirectional controls, emoji and 10 kB are shown harmlessly', async () => {
  const page = await world.enter('jo');
  for (const [name, text] of HARSH) await world.api('POST', '/groups', { name: `harsh ${name}`, note: text.slice(0, 2000), rule: 'platform=tvos' });
  await world.keep(profile('org.example.harsh', '&lt;b onclick=&quot;x&quot;&gt;bold&lt;/b&gt; \u202eright'));
  await world.keep(profile('org.example.long', HARSH[3][1]));
  await world.keep(profile('org.example.blank', ' \u200b\u034f\ufe0f '));
  await world.api('POST', '/groups', { name: 'scripts', note: SCRIPTS, rule: 'platform=tvos' });
  for (const path of ['/groups', '/profiles', '/profiles/org.example.harsh', '/profiles/org.example.long', ...HARSH.map(([name]) => `/groups/${encodeURIComponent(`harsh ${name}`)}`)]) {
    await world.show(page, path);
    assert.equal(await page.locator('main img, main script, main b[onclick]').count(), 0, path);
    assert.equal(await page.locator('main .told:not(bdi, code, pre)').count(), 0, `${path}: what is told has its own direction`);
    assert.doesNotMatch(await page.locator('main').innerText(), /\u202e|\p{M}{5}/u, path);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(over <= 0, `${path} is ${over} px too wide`);
  }
  await world.show(page, '/profiles/org.example.harsh');
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  const title = await page.getByRole('dialog').getByRole('heading').innerText();
  assert.match(title, /\u2068.*bold.*\ufffdright\u2069/, 'filled in, it stays in its isolation');
  assert.doesNotMatch(title, /\u202e/);
  await page.keyboard.press('Escape');
  await world.show(page, '/groups');
  await page.getByText('<script>alert(1)</script>').waitFor();
  assert.ok((await page.locator('main').innerText()).includes(SCRIPTS));
  await world.show(page, '/profiles');
  await page.getByRole('link', { name: 'org.example.blank' }).click(); // a name that nobody sees is no link
  await page.getByRole('heading', { level: 1, name: 'org.example.blank' }).waitFor();
  assert.deepEqual(page.troubles, []);
});

/* What reaches out of the window, or out of a card, or is scrolled sideways in it. */
const tooWide = () => {
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const tables = [...document.querySelectorAll('.table-box')].filter((box) => box.scrollWidth > box.clientWidth + 1);
  const buttons = [...document.querySelectorAll('.card .button')].filter((b) => b.getBoundingClientRect().right > b.closest('.card').getBoundingClientRect().right);
  return [...(over > 0 ? [`the page by ${over} px`] : []), ...tables.map((box) => `the table ${box.textContent.slice(0, 30)}`), ...buttons.map((b) => b.textContent)];
};
test('nothing is wider than a small window, in the language with the longest words and in one without blanks', async () => {
  const state = await (await world.enter('kim')).context().storageState();
  const found = [];
  for (const [locale, paths] of [['fr-FR', all], ['ja-JP', ['/audit', '/enrollment', '/pushcert?tab=renew', '/pushcert?tab=dossier']]]) {
    const page = await newPage({ state, locale });
    for (const path of paths) {
      await world.show(page, path);
      for (const width of [1024, 320]) {
        await page.setViewportSize({ width, height: 900 });
        found.push(...(await page.evaluate(tooWide)).map((what) => `${path}, ${locale}, ${width}: ${what}`));
      }
    }
    await page.context().close();
  }
  assert.deepEqual(found, []);
});

test('dialogs fit into the smallest window, and axe finds nothing in them', async () => {
  const state = await (await world.enter('lee')).context().storageState();
  const { devices } = await world.api('GET', '/devices');
  const mac = devices.find((d) => d.model?.startsWith('Mac')).id;
  for (const [locale, path, button, shown] of [['en-US', '/devices', 'Import CSV', 'serial,user'], ['en-US', `/devices/${mac}`, 'Send a command…', 'EraseDevice'], ['ja-JP', `/devices/${mac}?tab=security`, '表示', 'アクティベーションロックのバイパスコード']]) {
    const page = await newPage({ state, locale, width: 320 });
    await world.show(page, path);
    await page.getByRole('button', { name: button, exact: true }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(shown).first().waitFor();
    assert.ok(await dialog.evaluate((d) => d.scrollWidth <= d.clientWidth), button);
    assert.deepEqual(await axe(page), [], button);
    await page.context().close();
  }
});
