/* Tables: a small one as it is, and one of any length of which only what is seen is drawn. */
import type { ComponentChildren } from 'preact';
import { memo } from 'preact/compat';
import { useEffect, useRef } from 'preact/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-preact';
import { t } from '../i18n';

export interface Column<T> {
  id: string;
  name: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  width?: string; // of a grid-template; in a small table: at least
  sort?: string; // what the server calls it
  align?: 'end';
}

/* One element in each cell, so that it stands beside its label where rows are folded; nothing in one that is empty. */
const labelOf = (name: ComponentChildren) => (typeof name === 'string' && name !== '' ? name : undefined);
const inCell = (content: ComponentChildren, width?: string) => (content === null || content === undefined || content === false || content === '' ? null : <div style={width === undefined ? undefined : `--least: ${width}`}>{content}</div>);

export function Table<T>({ columns, rows, id, caption }: { columns: Column<T>[]; rows: T[]; id: (row: T) => string; caption: string }) {
  return (
    <div class="table-box">
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>{columns.map((c) => <th key={c.id} scope="col" class={c.align}>{c.name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>{columns.map((c) => <td key={c.id} class={c.align} data-label={labelOf(c.name)}>{inCell(c.cell(row), c.width)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const ROW = 44; // px
const TALL = 60; // with a second line

/* Rows are grids of their own: only a width that does not hang on what is in them keeps their columns in line. */
const least = (widths: string[]) => widths.reduce((sum, w) => sum + Number(/([\d.]+)rem/.exec(w)?.[1] ?? 6), 0);

interface LineProps {
  row: unknown; // undefined: not there yet
  index: number;
  start: number; // px
  height: number;
  on: boolean | undefined; // undefined: there is nothing to choose
  tab: boolean;
  columns: Column<unknown>[];
  template: string;
  minWidth: string;
}

/* Drawn anew only when something of it is another: while one scrolls, most lines are as they were. */
const Line = memo(({ row, index, start, height, on, tab, columns, template, minWidth }: LineProps) => (
  <div
    role="row"
    data-line={index}
    aria-rowindex={index + 2}
    aria-selected={on}
    tabIndex={tab ? 0 : -1}
    class={on ? 'long-row chosen' : 'long-row'}
    style={{ gridTemplateColumns: template, minWidth, transform: `translateY(${start}px)`, height: `${height}px` }}
  >
    {on !== undefined && (
      <span role="gridcell" class="tick">{row !== undefined && <input type="checkbox" tabIndex={-1} aria-label={t('choose')} checked={on} />}</span>
    )}
    {columns.map((c) => (
      <span role="gridcell" key={c.id} class={c.align}>{row === undefined ? <span class="ghost" /> : c.cell(row)}</span>
    ))}
  </div>
));

/* rows: what is loaded, in order; undefined: not yet. total: how many there are. need: asks for what is seen. */
export function LongTable<T>({ columns, rows, total, need, id, caption, sort, descending, sortBy, open, chosen, choose, tall = false }: {
  columns: Column<T>[];
  rows: (T | undefined)[];
  total: number;
  need: (first: number, last: number) => void;
  id: (row: T) => string;
  caption: string;
  sort?: string;
  descending?: boolean;
  sortBy?: (sort: string) => void;
  open?: (row: T) => void;
  chosen?: ReadonlySet<string>;
  choose?: (row: T, range: boolean) => void;
  tall?: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const height = tall ? TALL : ROW;
  const lines = useVirtualizer({ count: total, getScrollElement: () => box.current, estimateSize: () => height, overscan: 12 });
  useEffect(() => lines.measure(), [height]); // eslint-disable-line react-hooks/exhaustive-deps -- the same lines
  const seen = lines.getVirtualItems();
  const first = seen[0]?.index ?? 0;
  const last = seen[seen.length - 1]?.index ?? 0;
  useEffect(() => {
    if (total > 0) need(first, last);
  }, [first, last, total, need]);
  const head = lines.range?.startIndex ?? first; // seen, unlike those that are drawn ahead
  const widths = [...(choose ? ['2.5rem'] : []), ...columns.map((c) => c.width ?? 'minmax(6rem, 1fr)')];
  const template = widths.join(' ');
  const minWidth = `${least(widths)}rem`;
  const keys = (e: KeyboardEvent) => {
    const line = (e.target as HTMLElement).closest<HTMLElement>('[data-line]');
    if (!line) return;
    const i = Number(line.dataset.line);
    const to = e.key === 'ArrowDown' ? i + 1 : e.key === 'ArrowUp' ? i - 1 : e.key === 'Home' ? 0 : e.key === 'End' ? total - 1 : -1;
    const row = rows[i];
    if (e.key === 'Enter' && row && open && e.target === line) open(row);
    if (e.key === ' ' && row && choose && e.target === line) {
      e.preventDefault();
      choose(row, e.shiftKey);
    }
    if (to < 0 || to >= total) return;
    e.preventDefault();
    lines.scrollToIndex(to);
    window.requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-line="${to}"]`)?.focus());
  };
  /* A click beside what is a link or a tick of its own opens the row; who marks text to copy it stays. */
  const clicked = (e: MouseEvent) => {
    const on = e.target as HTMLElement;
    const row = rows[Number(on.closest<HTMLElement>('[data-line]')?.dataset.line)];
    if (!row) return;
    if (on.closest('.tick')) choose?.(row, e.shiftKey);
    else if (open && !on.closest('a, button') && window.getSelection()?.isCollapsed !== false) open(row);
  };
  return (
    <div class="long-table" role="grid" aria-label={caption} aria-rowcount={total + 1} aria-colcount={columns.length + (choose ? 1 : 0)} ref={box} onKeyDown={keys} onClick={clicked}>
      <div class="long-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template, minWidth }}>
        {choose && <span role="columnheader"><span class="hidden">{t('choose')}</span></span>}
        {columns.map((c) => (
          <span role="columnheader" key={c.id} class={c.align} aria-sort={c.sort !== undefined && c.sort === sort ? (descending ? 'descending' : 'ascending') : undefined}>
            {c.sort !== undefined && sortBy ? (
              <button type="button" class="link" onClick={() => { if (c.sort !== undefined) sortBy(c.sort); }}>
                {c.name} {c.sort === sort && (descending ? <ArrowDown size={14} aria-hidden="true" /> : <ArrowUp size={14} aria-hidden="true" />)}
              </button>
            ) : c.name}
          </span>
        ))}
      </div>
      <div class="long-body" role="rowgroup" style={{ height: `${lines.getTotalSize()}px`, minWidth }}>
        {seen.map((line) => {
          const row = rows[line.index];
          const on = row !== undefined && (chosen?.has(id(row)) ?? false);
          return (
            <Line
              key={row === undefined ? `line-${line.index}` : id(row)} row={row} index={line.index} start={line.start} height={height}
              on={choose ? on : undefined} tab={line.index === head} columns={columns as Column<unknown>[]} template={template} minWidth={minWidth}
            />
          );
        })}
      </div>
    </div>
  );
}
