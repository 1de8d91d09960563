/* The rows of the list: pages of what is seen, read as needed and again when something changed. What was shown stays until the next
   is there. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api, ApiError } from '../../api/client';
import { hear } from '../../api/live';
import type { Device } from '../../parts/device';

export interface Asked {
  filter: string;
  sort: string; // "" or "-last-seen"
  former: boolean;
}
interface Page {
  devices: Device[];
  total: number;
}
interface Shown {
  asked: Asked;
  pages: Map<number, Device[]>;
  stale: Set<number>; // shown, and to be read again when it is seen
  rows: (Device | undefined)[]; // of all pages
  total: number;
}

const PAGE = 100;
const AT_MOST_EVERY = 2000; // ms: changes of thousands are one look at what is seen
const KEPT = 60; // pages: of a large fleet not everything that was once seen
const NOTHING: Shown = { asked: { filter: '', sort: '', former: false }, pages: new Map(), stale: new Set(), rows: [], total: 0 };

/* Takes a page that came, and lets go of what is furthest from it. */
function keep(of: Shown, page: number, devices: Device[]) {
  of.pages.set(page, devices);
  of.stale.delete(page);
  if (of.pages.size > KEPT) {
    const far = [...of.pages.keys()].reduce((a, b) => (Math.abs(b - page) > Math.abs(a - page) ? b : a));
    of.pages.delete(far);
    of.stale.delete(far);
  }
  of.rows = [];
  for (const [p, list] of of.pages) list.forEach((d, i) => { of.rows[p * PAGE + i] = d; });
}

function read(asked: Asked, page: number, signal: AbortSignal) {
  const query = { filter: asked.filter, sort: asked.sort, former: asked.former ? 'yes' : undefined, offset: page * PAGE, limit: PAGE };
  return api<Page>('GET', '/devices', { query, signal });
}

export function useDevices(asked: Asked) {
  const shown = useRef<Shown>(NOTHING);
  const wanted = useRef<Shown>(NOTHING); // asked for last; shown as soon as its first page is there
  const coming = useRef(new Map<number, AbortController>());
  const seen = useRef<[number, number]>([0, 0]);
  const [, draw] = useState(0);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  const [loading, setLoading] = useState(true);
  const { filter, sort, former } = asked;

  const fetchPage = useCallback((of: Shown, page: number) => {
    if (coming.current.has(page)) return;
    const stop = new AbortController();
    coming.current.set(page, stop);
    read(of.asked, page, stop.signal)
      .then((got) => {
        if (of !== wanted.current && of !== shown.current) return; // something else was asked for meanwhile
        if (got.total !== of.total) for (const p of of.pages.keys()) if (p !== page) of.stale.add(p);
        keep(of, page, got.devices);
        of.total = got.total;
        if (of === wanted.current) shown.current = of;
        setError(undefined);
      })
      .catch((e: unknown) => {
        if (!stop.signal.aborted) setError(e as ApiError);
      })
      .finally(() => {
        if (coming.current.get(page) === stop) coming.current.delete(page);
        if (stop.signal.aborted) return;
        setLoading(false);
        draw((n) => n + 1);
      });
  }, []);

  const look = useCallback(() => {
    const of = shown.current;
    for (let p = Math.floor(seen.current[0] / PAGE); p <= Math.floor(seen.current[1] / PAGE); p++) {
      if (p * PAGE < Math.max(of.total, 1) && (!of.pages.has(p) || of.stale.has(p))) fetchPage(of, p);
    }
  }, [fetchPage]);

  useEffect(() => {
    for (const stop of coming.current.values()) stop.abort();
    coming.current.clear();
    setLoading(true);
    wanted.current = { asked: { filter, sort, former }, pages: new Map(), stale: new Set(), rows: [], total: 0 };
    fetchPage(wanted.current, 0);
  }, [filter, sort, former, fetchPage]);

  useEffect(() => {
    let timer = 0;
    let last = 0;
    const stop = hear((changes) => {
      if (changes !== 'all' && !changes.some((c) => c.device ?? c.enrollment)) return;
      for (const p of shown.current.pages.keys()) shown.current.stale.add(p);
      if (!timer) {
        timer = window.setTimeout(() => {
          timer = 0;
          last = Date.now();
          look();
        }, Math.max(0, last + AT_MOST_EVERY - Date.now()));
      }
    });
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, [look]);

  const need = useCallback((first: number, last: number) => {
    seen.current = [first, last];
    look();
  }, [look]);
  const again = useCallback(() => {
    for (const p of shown.current.pages.keys()) shown.current.stale.add(p);
    look();
  }, [look]);

  return { rows: shown.current.rows, filter: shown.current.asked.filter, total: shown.current.total, known: shown.current !== NOTHING, error, loading, need, again };
}
