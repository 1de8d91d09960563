/* A server with simulated devices, and Debian's Chromium that looks at its console.

   Everything is real: the built program (POMONA_BIN), its lab, its API. What a test starts ends with it. */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { promisify } from 'node:util';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const BIN = process.env.POMONA_BIN;
const CHROMIUM = '/usr/bin/chromium';
export const PASSWORD = 'a sentence is easier to remember';
export const PATIENCE = 30_000; // ms; an address sanitizer and two busy processors

/* ---- the server ---- */

const ended = new Set();
after(async () => {
  for (const end of [...ended].reverse()) await end();
});
export function atEnd(end) {
  ended.add(end);
}

/* `pomona lab up`: a server, a stand-in for APNs, three devices. Resolves when all are enrolled and one was restarted. */
export async function lab(...options) {
  const process_ = spawn(BIN, ['lab', 'up', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  const found = {};
  const ready = new Promise((resolve, reject) => {
    const read = (line) => {
      lines.push(line);
      const url = /admin's side\s+(http\S+)/.exec(line);
      const data = /--data (\S+\/data) --server/.exec(line);
      const apns = /control port is ([\d.:]+)\)/.exec(line);
      if (url) found.url = url[1];
      if (apns) found.apnsControl = apns[1];
      if (data) found.data = data[1];
      if (line.startsWith('What the devices do')) resolve();
    };
    createInterface({ input: process_.stdout }).on('line', read);
    createInterface({ input: process_.stderr }).on('line', read);
    process_.on('exit', () => reject(new Error(`the lab ended:\n${lines.join('\n')}`)));
  });
  atEnd(async () => {
    if (process_.exitCode !== null) return;
    const gone = new Promise((resolve) => process_.on('exit', resolve));
    process_.kill('SIGTERM');
    await gone;
  });
  await ready;
  return new World(found, lines);
}

export class World {
  constructor({ url, data, apnsControl }, lines) {
    Object.assign(this, { url, data, apnsControl, lines });
  }

  /* Runs the command line against the server; resolves with what it printed. */
  async cli(...words) {
    const { stdout } = await promisify(execFile)(BIN, [...words.map(String), '--data', this.data, '--server', this.url], { maxBuffer: 1 << 26 });
    return stdout;
  }

  async json(...words) {
    return JSON.parse(await this.cli(...words, '--json'));
  }

  /* Asks the API with the server's own token. */
  async api(method, path, body) {
    const token = readFileSync(join(this.data, 'admin.token'), 'utf8').trim();
    const reply = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return reply.status === 204 ? null : reply.json();
  }

  /* Makes an account by its one-use link, as a person would; resolves with a page that is logged in. */
  async enter(name = 'alex', options = {}) {
    const page = await newPage(options);
    if (name !== 'alex') await this.cli('user', 'add', name, '--role', options.role ?? 'admin');
    const link = (await this.cli('user', 'setup-link', ...(name === 'alex' ? [] : [name]))).split('\n')[0].trim();
    await page.goto(link);
    if (name === 'alex') await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Set the password' }).click();
    await page.getByRole('heading', { level: 1, name: 'My account' }).waitFor();
    return page;
  }
}

/* ---- the browser ---- */

let browser = null;
async function theBrowser() {
  if (browser) return browser;
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is not there`);
  const home = mkdtempSync(join(tmpdir(), 'browser-'));
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  });
  atEnd(async () => {
    await browser.close();
    rmSync(home, { recursive: true, force: true });
  });
  return browser;
}

/* A page of a browser of its own: nothing is shared with others. What it complains of, and what it asks of other hosts, stands in
   page.troubles and must be empty at the end. */
export async function newPage({ scheme = 'light', width = 1280, height = 900, locale = 'en-US', base } = {}) {
  const context = await (await theBrowser()).newContext({ colorScheme: scheme, viewport: { width, height }, locale, reducedMotion: 'reduce', ...(base ? { baseURL: base } : {}) });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.troubles = [];
  page.on('pageerror', (e) => page.troubles.push(`error: ${e.message}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) page.troubles.push(`console: ${m.text()}`);
  });
  page.on('request', (rq) => {
    const { hostname, protocol } = new URL(rq.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1' && hostname !== 'localhost') page.troubles.push(`asks ${hostname}`);
  });
  return page;
}

/* Findings of axe that are serious or critical, in words; its default rules. The policy of the page forbids scripts from outside, so
   it comes by the debugger. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')}`);
}
