/* A server with simulated devices, and Debian's Chromium that looks at its console.

   Everything is real: the built program (POMONA_BIN), its lab, its API. What a test starts ends with it. */
import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/* Waits until what() gives something; for what can only be asked for. */
export async function until(what) {
  for (const by = Date.now() + PATIENCE; Date.now() < by;) {
    const found = await what();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never: ${what}`);
}

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

/* A server alone, which a test may stop and start again: at the same addresses, with the same data; links work from the second start on.
   settings() writes its file of settings, and has it read. */
export async function server() {
  const data = join(mkdtempSync(join(tmpdir(), 'server-')), 'data');
  const world = new World({ data, url: '' }, []);
  let process_ = null;
  let gone = null;
  let forDevices = null;
  world.stop = async () => {
    process_.kill('SIGTERM');
    await gone;
  };
  world.hang = () => process_.kill('SIGSTOP');
  world.goOn = () => process_.kill('SIGCONT');
  world.start = () => new Promise((resolve, reject) => {
    const at = world.url ? new URL(world.url).host : '127.0.0.1:0';
    const listen = forDevices ? ['--listen', `127.0.0.1:${forDevices}`, '--public-url', `https://localhost:${forDevices}`] : ['--listen', '127.0.0.1:0'];
    process_ = spawn(BIN, ['serve', '--data', data, ...listen, '--admin-listen', at, '--apns-url', 'https://127.0.0.1:9'], { stdio: ['ignore', 'ignore', 'pipe'] });
    gone = new Promise((done) => process_.on('exit', done));
    gone.then((status) => reject(new Error(`the server ended with ${status}:\n${world.lines.join('\n')}`)));
    createInterface({ input: process_.stderr }).on('line', (line) => {
      world.lines.push(line);
      const admin = /listener=admin address=(\S+)/.exec(line);
      const devices = /listener=devices address=\S+:(\d+)/.exec(line);
      if (admin) world.url = `http://${admin[1]}`;
      if (devices) forDevices = devices[1];
      if (line.includes('msg=ready')) resolve();
      if (line.includes('settings and certificates reloaded')) reloaded();
    });
  });
  let reloaded = () => {};
  world.settings = (settings) => {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    writeFileSync(join(data, 'pomona.conf'), Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`).join(''));
    const done = new Promise((resolve) => { reloaded = resolve; });
    process_.kill('SIGHUP');
    return done;
  };
  atEnd(() => {
    if (process_.exitCode !== null) return undefined;
    world.goOn();
    return world.stop();
  });
  await world.start();
  return world;
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
    const server = this.url.replace('localhost', '127.0.0.1'); // only browsers know it where there is no /etc/hosts
    const reply = await fetch(`${server}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return reply.status === 204 ? null : reply.json();
  }

  /* Keeps a profile; resolves when it is there. */
  keep(file) {
    return this.api('POST', '/profiles', { files: [{ name: 'a.mobileconfig', data: file.toString('base64') }], anyway: true });
  }

  /* Something for every page: a profile that a group gives, a requirement that fails, a token, a link, a command, a record. */
  async fill() {
    await this.keep(profile('org.example.wifi'));
    await this.api('POST', '/groups', { name: 'Everybody', note: 'What all get', rule: 'platform=macos or platform=ios or platform=tvos', assign: [{ kind: 'profile', ref: 'org.example.wifi' }] });
    await this.api('POST', '/groups', { name: 'Macs', rule: 'platform=macos', assign: [{ kind: 'requirement', ref: 'filevault=on' }] });
    await this.api('POST', '/tokens', { name: 'inventory', role: 'viewer', ttl: '30d' });
    await this.api('POST', '/links', { uses: 5 });
    const { devices } = await this.api('GET', '/devices');
    await this.cli('device', 'restart', devices[0].id);
  }

  /* `pomona lab device LINK` with these options; resolves with the ids of the first `count` that are enrolled; with 0 at
     once, for those that come back (--state). They live until the end. */
  devices(link, count, ...options) {
    const pushes = this.apnsControl ? ['--apns-control', this.apnsControl] : [];
    const process_ = spawn(BIN, ['lab', 'device', ...pushes, ...options, link], { stdio: ['ignore', 'pipe', 'ignore'] });
    const gone = new Promise((resolve) => process_.on('exit', resolve));
    atEnd(async () => {
      process_.kill('SIGTERM');
      await gone;
    });
    return new Promise((resolve, reject) => {
      const ids = [];
      if (count === 0) resolve(ids);
      createInterface({ input: process_.stdout }).on('line', (id) => {
        if (ids.push(id) === count) resolve(ids);
      });
      gone.then((status) => reject(new Error(`the devices ended with ${status}`)));
    });
  }

  /* A link that so many devices may enroll by. */
  async link(uses = 1) {
    return (await this.api('POST', '/links', { uses })).url;
  }

  /* Opens a page of the console, and waits until it shows what it knows. */
  async show(page, path) {
    await page.goto(this.url + path);
    try {
      await page.locator('main h1').waitFor();
      await page.waitForFunction(() => !document.querySelector('main .waiting, main [aria-busy=true], main .ghost'));
    } catch {
      throw new Error(`${path} is not ready; it shows:\n${await page.locator('body').innerText()}`);
    }
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

/* ---- what a person has in the hand ---- */

/* The code of an authenticator app (RFC 6238: SHA-1, 30 seconds, six digits), `later` steps from now. */
export function totp(secret, later = 0) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/\s/g, '')].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const mac = createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/* A profile of one payload, as XML: a Wi-Fi network, or what `payload` says in its place. */
export function profile(identifier, name = 'Office Wi-Fi', payload = '<key>SSID_STR</key><string>office</string>\n<key>EncryptionType</key><string>None</string>') {
  const of = (type, n) => `<key>PayloadType</key><string>${type}</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>${identifier}${n ? `.${n}` : ''}</string>
<key>PayloadUUID</key><string>5A1F0B2C-0000-4000-8000-00000000000${n}</string>`;
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${of('Configuration', 0)}
<key>PayloadDisplayName</key><string>${name}</string>
<key>PayloadContent</key>
<array><dict>
${of('com.apple.wifi.managed', 1)}
${payload}
</dict></array>
</dict>
</plist>
`);
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
export async function newPage({ scheme = 'light', width = 1280, height = 900, locale = 'en-US', state } = {}) {
  const context = await (await theBrowser()).newContext({ colorScheme: scheme, viewport: { width, height }, locale, reducedMotion: 'reduce', timezoneId: 'Europe/Paris', ...(state ? { storageState: state } : {}) });
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

/* Findings of axe, in words; its default rules. The policy of the page forbids scripts from outside, so
   it comes by the debugger. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')}`);
}

/* The addresses of all pages, from the table that the console itself has; what is named in them is something that fill() made. */
export async function pages(world) {
  const { devices } = await world.api('GET', '/devices');
  const { commands } = await world.api('GET', '/commands?people=yes'); // the server's own questions are forgotten when they are asked again
  const named = { '/groups/:name': '/groups/Everybody', '/profiles/:identifier': '/profiles/org.example.wifi', '/devices/:id': `/devices/${devices[0].id}`, '/commands/:uuid': `/commands/${commands[0].command_uuid}` };
  const table = readFileSync(new URL('../../web/src/pages.ts', import.meta.url), 'utf8');
  return [...table.matchAll(/\{ path: '([^']+)'/g)].map(([, path]) => {
    if (path.includes(':') && !named[path]) throw new Error(`the tests do not know what stands at ${path}`);
    return named[path] ?? path;
  });
}
