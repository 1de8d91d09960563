/* How far wake-ups came: as bars from step to step, and by hour as a chart. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type Key, number, t, time } from '../../i18n';
import { Card, Empty } from '../../ui/basics';
import { Choice } from '../../ui/form';
import { Table } from '../../ui/table';
import { Moment } from '../../ui/text';
import type { Hour } from './types';

const STEPS = ['due', 'pushed', 'accepted', 'connected', 'answered'] as const;
const DRAWN = ['pushed', 'connected', 'answered'] as const; // three lines can still be told apart
const name = (step: (typeof STEPS)[number]) => t(`wakeups.${step}` satisfies Key);
const HEIGHT = 180;

const colour = (element: Element, of: string) => getComputedStyle(element).getPropertyValue(of).trim();

function Chart({ hours }: { hours: Hour[] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const axis = { stroke: colour(element, '--soft'), grid: { stroke: colour(element, '--line'), width: 1 }, ticks: { show: false } };
    const lines = [colour(element, '--info'), colour(element, '--warn'), colour(element, '--ok')];
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [8, 36, 0, 0], // half of the last hour's text
        legend: { show: false },
        cursor: { y: false },
        axes: [{ ...axis, values: (_, all, _at, _space, step) => all.map((v) => time(new Date(v * 1000).toISOString(), step < 86_400 ? 'hour' : 'short')) }, { ...axis, size: 44, values: (_, all) => all.map((v) => (Number.isInteger(v) ? number(v) : '')) }],
        scales: { y: { range: (_u, _min, max) => [0, Math.max(4, max)] } },
        series: [{}, ...DRAWN.map((step, i) => ({ label: name(step), stroke: lines[i] ?? '', width: 2, dash: i === 2 ? [6, 4] : [] }))],
      },
      [hours.map((h) => Date.parse(h.at) / 1000), ...DRAWN.map((step) => hours.map((h) => h[step]))],
      element,
    );
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [hours]);
  return (
    <figure aria-hidden="true">
      <figcaption class="legend">{DRAWN.map((step) => <span key={step} class={step}>{name(step)}</span>)}</figcaption>
      <div class="chart" ref={box} />
    </figure>
  );
}

/* An hour in which nothing happened has no row. */
function filled(hours: Hour[], from: number): Hour[] {
  const known = new Map(hours.map((h) => [Date.parse(h.at), h]));
  const all: Hour[] = [];
  for (let at = Math.floor(from / 3_600_000) * 3_600_000; at <= Date.now(); at += 3_600_000)
    all.push(known.get(at) ?? { at: new Date(at).toISOString(), due: 0, pushed: 0, accepted: 0, connected: 0, answered: 0 });
  return all;
}

export function Wakeups({ hours }: { hours: Hour[] }) {
  const [span, setSpan] = useState('24');
  const [table, setTable] = useState(false);
  const shown = filled(hours, Date.now() - Number(span) * 3_600_000);
  const sums = STEPS.map((step) => [step, shown.reduce((n, h) => n + h[step], 0)] as const);
  const most = Math.max(1, ...sums.map(([, n]) => n));
  return (
    <Card title={t('wakeups.title')} wide actions={<Choice label={<span class="hidden">{t('wakeups.span')}</span>} value={span} change={setSpan} options={[['24', t('wakeups.day')], ['168', t('wakeups.week')]]} />}>
      <ol class="funnel">
        {sums.map(([step, n]) => (
          <li key={step}>
            <span>{name(step)}</span>
            <meter min={0} max={most} value={n} aria-label={name(step)} />
            <span class="end">{number(n)}</span>
          </li>
        ))}
      </ol>
      {sums.some(([, n], i) => n > (sums[i - 1]?.[1] ?? n)) && <p class="soft">{t('wakeups.grows')}</p>}
      {most === 1 && sums.every(([, n]) => n === 0) ? <Empty>{t('wakeups.none')}</Empty> : <Chart hours={shown} />}
      <details open={table} onToggle={(e) => setTable(e.currentTarget.open)}>
        <summary>{t('wakeups.as-table')}</summary>
        {table && (
          <Table
            caption={t('wakeups.title')}
            rows={shown.filter((h) => STEPS.some((s) => h[s] > 0)).reverse()}
            id={(h) => h.at}
            columns={[
              { id: 'at', name: t('wakeups.hour'), cell: (h) => <Moment at={h.at} /> },
              ...STEPS.map((s) => ({ id: s, name: name(s), cell: (h: Hour) => number(h[s]), align: 'end' as const })),
            ]}
          />
        )}
      </details>
    </Card>
  );
}
