/* How smoothly the list of devices scrolls: node scroll.mjs URL DATA, as tests/bench/scroll.py runs it. Prints one line of JSON.

   The frames are those that Chromium draws (requestAnimationFrame), the wheel is Chromium's own. */
import { World } from '../browser/world.mjs';

const [url, data] = process.argv.slice(2);
const world = new World({ url, data }, []);
const page = await world.enter('alex', { width: 1440, height: 900 });
await world.show(page, '/devices');
const debug = await page.context().newCDPSession(page);
await debug.send('Performance.enable');
const WORK = ['ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration'];
const spent = async () => Object.fromEntries((await debug.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value * 1000]));
const list = page.locator('.long-table');
const box = await list.boundingBox();
await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);

/* Turns the wheel for so long by so many pixels each time; resolves with the frames that were drawn meanwhile, and in how many of
   them a row that was seen had not come yet. */
async function turn(name, seconds, pixels, pause) {
  await page.evaluate(() => {
    const rows = document.querySelector('.long-table');
    const frames = (window.frames_ = { gaps: [], ghosts: 0, going: true });
    let last = performance.now();
    const frame = (now) => {
      frames.gaps.push(now - last);
      last = now;
      const middle = Math.floor((rows.scrollTop + rows.clientHeight / 2) / 44);
      const row = rows.querySelector(`[data-line="${middle}"]`);
      if (!row || row.querySelector('.ghost')) frames.ghosts++;
      if (frames.going) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const before = await spent();
  const from = await list.evaluate((e) => e.scrollTop);
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    await page.mouse.wheel(0, pixels);
    if (pause > 0) await page.waitForTimeout(pause);
  }
  const { gaps, ghosts } = await page.evaluate(() => {
    window.frames_.going = false;
    return window.frames_;
  });
  const after = await spent();
  const work = WORK.reduce((sum, kind) => sum + after[kind] - before[kind], 0) / gaps.length;
  const rows = Math.round(((await list.evaluate((e) => e.scrollTop)) - from) / 44);
  const sorted = gaps.slice(2).sort((a, b) => a - b);
  const of = (share) => sorted[Math.floor((sorted.length - 1) * share)];
  const dropped = sorted.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / (1000 / 60)) - 1), 0);
  return { name, rows, frames: sorted.length, p50: of(0.5), p95: of(0.95), p99: of(0.99), work, dropped: dropped / (sorted.length + dropped), empty: ghosts / gaps.length };
}

/* A place far from what was seen: how long until its rows are there. */
async function jump(share) {
  const begun = Date.now();
  await list.evaluate((e, s) => { e.scrollTop = e.scrollHeight * s; }, share);
  await page.waitForFunction(() => document.querySelector('.long-row') && !document.querySelector('.long-row .ghost'));
  return Date.now() - begun;
}

const turns = [await turn('a notch of the wheel 20 times a second', 10, 100, 50), await turn('without a pause, 400 pixels each time', 10, 400, 0)];
const jumps = [];
for (const share of [0.5, 0.9, 0.1, 0.7, 0.3]) jumps.push(await jump(share));

/* What changes while one looks moves nothing. */
const top = () => list.evaluate((e) => ({ at: e.scrollTop, row: [...e.querySelectorAll('.long-row')].map((r) => r.dataset.line).join() }));
const before = await top();
let changing = true;
const beside = (async () => {
  for (let n = 0; changing; n++) {
    await world.api('PATCH', `/devices/FLEET-${30_000 + (n % 100)}`, { note: `change ${n}` });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
})();
await page.waitForTimeout(3000);
const after = await top();
turns.push(await turn('the first again, while 20 a second are changed', 10, 100, 50));
changing = false;
await beside;
console.log(JSON.stringify({ turns, jumps: jumps.sort((a, b) => a - b), jumped: before.at !== after.at || before.row !== after.row }));
process.exit(0);
