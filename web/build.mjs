/* Bundles the console and writes it as tables of C: build.mjs --out FILE.c [--dist FOLDER]

   Every file but index.html has the hash of its content in its name, so that browsers may keep it for ever. All lie gzipped in the
   table; what a client that takes no gzip gets is unpacked by the server. */
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const FIRST_PAGE_MOST = 150_000; // bytes, compressed: what the browser fetches before it shows the overview, in the longest language

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: { main: 'src/main.tsx', style: 'src/style/main.css' },
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    alias: { react: 'preact/compat', 'react-dom': 'preact/compat' },
    define: { 'process.env.NODE_ENV': '"production"' },
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    outdir: 'dist',
    publicPath: '/assets/',
    entryNames: '[name].[hash]',
    chunkNames: '[name].[hash]',
    logLevel: 'warning',
  });
  return result;
}

/* What the first page loads: the entries and all that they import at once. */
function firstPage(metafile, main) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    for (const i of metafile.outputs[path].imports) if (i.kind === 'import-statement') visit(i.path);
  };
  visit(main);
  return [...found];
}

function pick(metafile, entry) {
  const found = Object.entries(metafile.outputs).find(([, o]) => o.entryPoint === entry);
  if (!found) throw new Error(`${entry} is not in the bundle`);
  return found[0];
}

function asset(name, bytes) {
  const gz = gzipSync(bytes, { level: 9 });
  gz[9] = 255; // the same on every system
  const etag = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  return { name, type: TYPES[extname(name)], bytes, gz, etag };
}

function licences(metafile) {
  const names = new Set();
  for (const path of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (found) names.add(found[1]);
  }
  return [...names].sort().map((name) => {
    const folder = join(here, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    let text = '';
    for (const file of ['LICENSE', 'LICENSE.md', 'LICENCE', 'license', 'LICENSE.txt']) {
      try {
        text = readFileSync(join(folder, file), 'utf8');
        break;
      } catch {
        /* another name */
      }
    }
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  }).join('\n----\n\n');
}

function table(assets) {
  const arrays = assets.map(({ gz }, i) => {
    const numbers = [...gz].map(String).join(',').replace(/(.{1,110}),/g, '$1,\n');
    return `static const unsigned char a${i}[] = {\n${numbers}};\n`;
  });
  const rows = assets.map(({ name, type, bytes, gz, etag }, i) =>
    `    {"${name}", "${type}", "\\"${etag}\\"", a${i}, ${gz.length}, ${bytes.length}},\n`);
  return `/* Made by web/build.mjs. */\n#include "face/console.h"\n\n${arrays.join('')}
const struct console_asset console_assets[] = {\n${rows.join('')}    {0},\n};\n`;
}

const { values } = parseArgs({ options: { out: { type: 'string' }, dist: { type: 'string' } } });
const { outputFiles, metafile } = await bundle();
const main = pick(metafile, 'src/main.tsx');
const style = pick(metafile, 'src/style/main.css');
const first = firstPage(metafile, main);
const drawing = readFileSync(join(here, 'src/icon.svg'));
const icon = asset(`icon.${createHash('sha256').update(drawing).digest('hex').slice(0, 8)}.svg`, drawing);
const html = readFileSync(join(here, 'index.html'), 'utf8')
  .replace('{icon}', `/assets/${icon.name}`)
  .replace('{style}', `/assets/${basename(style)}`)
  .replace('{main}', `/assets/${basename(main)}`)
  .replace('{preload}', first.slice(1).map((p) => `<link rel="modulepreload" href="/assets/${basename(p)}">`).join('\n    '));
const assets = [
  asset('index.html', Buffer.from(html)),
  asset('licences.txt', Buffer.from(licences(metafile))),
  icon,
  ...outputFiles.map((f) => asset(basename(f.path), Buffer.from(f.contents))).sort((a, b) => (a.name < b.name ? -1 : 1)),
];
const heavy = (paths) => assets.filter((a) => paths.some((p) => basename(p) === a.name)).reduce((n, a) => n + a.gz.length, 0);
const languages = Object.entries(metafile.outputs).filter(([, o]) => o.entryPoint?.startsWith('src/i18n/')).map(([p]) => heavy([p]));
const overview = firstPage(metafile, pick(metafile, 'src/pages/overview.tsx'));
const weight = heavy(['index.html', style, ...new Set([...first, ...overview])]) + Math.max(...languages);
console.log(`the console: ${assets.length} files, first page ${weight} bytes compressed`);
if (weight > FIRST_PAGE_MOST) throw new Error(`the first page has ${weight} bytes compressed; the most is ${FIRST_PAGE_MOST}`);
if (values.dist) {
  mkdirSync(values.dist, { recursive: true });
  for (const a of assets) writeFileSync(join(values.dist, a.name), a.bytes);
}
if (values.out) writeFileSync(values.out, table(assets));
