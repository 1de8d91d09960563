/* Which devices are chosen: some, a range, or all that match. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Device } from '../../parts/device';

export function useSelection(rows: (Device | undefined)[], filter: string, former: boolean) {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const last = useRef<string | null>(null);
  const clear = () => {
    setIds(new Set());
    setAll(false);
    last.current = null;
  };
  useEffect(() => {
    setAll(false); // "all that match" was said of another filter
  }, [filter, former]);
  const choose = (row: Device, range: boolean) => {
    const next = new Set(all ? rows.flatMap((r) => (r ? [r.id] : [])) : ids);
    const on = !next.has(row.id);
    const at = rows.findIndex((r) => r?.id === row.id);
    const from = range && last.current !== null ? rows.findIndex((r) => r?.id === last.current) : at;
    for (const r of rows.slice(Math.min(at, from < 0 ? at : from), Math.max(at, from) + 1)) {
      if (!r) continue; // was never seen
      if (on) next.add(r.id);
      else next.delete(r.id);
    }
    last.current = row.id;
    setAll(false);
    setIds(next);
  };
  const seen = useMemo(() => (all ? new Set(rows.flatMap((r) => (r ? [r.id] : []))) : ids), [all, ids, rows]);
  return { ids, all, seen, choose, chooseAll: () => setAll(true), clear };
}
