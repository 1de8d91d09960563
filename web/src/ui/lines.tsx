/* The text of a file with lines that are marked, and what is said about them: each by its line and key. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import { Button, Sign } from './basics';
import { Code, Words } from './text';

export interface Finding {
  grade: 'error' | 'warning';
  id: string;
  line: number; // from 1; 0: of the whole
  key: string;
  text: string;
}

const AROUND = 3; // lines shown before and behind a marked one
const LINES_MOST = 3000;
const LETTERS_MOST = 400; // of a line: certificates stand in one

type Grades = Map<number, Finding['grade']>;

function gradesOf(findings: Finding[]): Grades {
  const grades: Grades = new Map();
  for (const f of findings) if (f.line > 0 && grades.get(f.line) !== 'error') grades.set(f.line, f.grade);
  return grades;
}

/* Numbers of lines that are shown, 0 for what is left out between them. */
function shownLines(total: number, grades: Grades, all: boolean): number[] {
  const shown: number[] = [];
  for (let n = 1; n <= total && shown.length < LINES_MOST; n++) {
    let near = all || grades.size === 0;
    for (let k = n - AROUND; !near && k <= n + AROUND; k++) near = grades.has(k);
    if (near) shown.push(n);
    else if (shown[shown.length - 1] !== 0) shown.push(0);
  }
  return shown;
}

export function FileLines({ text, findings, here }: { text: string; findings: Finding[]; here?: number | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const [all, setAll] = useState(false);
  const lines = useMemo(() => text.split('\n'), [text]);
  const grades = useMemo(() => gradesOf(findings), [findings]);
  const shown = useMemo(() => shownLines(lines.length, grades, all || lines.length <= 60), [lines, grades, all]);
  const first = findings.find((f) => f.line > 0)?.line;
  useEffect(() => {
    const to = here ?? first;
    const line = to === undefined ? null : box.current?.querySelector<HTMLElement>(`[data-n="${to}"]`);
    if (box.current && line) box.current.scrollTop = line.offsetTop - box.current.clientHeight / 2;
  }, [here, first]);
  const line = (n: number) => {
    const grade = grades.get(n);
    const whole = lines[n - 1] ?? '';
    return (
      <li key={n} data-n={n} class={[grade, n === here && 'here'].filter(Boolean).join(' ')}>
        <span>{n}{grade && <span class="hidden"> {t(`check.${grade}`)}</span>}</span>
        <Code>{whole.length > LETTERS_MOST ? `${whole.slice(0, LETTERS_MOST)}…` : whole}</Code>
      </li>
    );
  };
  return (
    <>
      <div class="lines" ref={box} tabIndex={0} role="region" aria-label={t('check.file')}>
        <ol>{shown.map((n, i) => (n === 0 ? <li key={`gap-${i}`} class="gap"><span>⋮</span><span /></li> : line(n)))}</ol>
      </div>
      {!all && shown.includes(0) && <p><Button onClick={() => setAll(true)}>{t('check.all-lines', { n: lines.length })}</Button></p>}
    </>
  );
}

function One({ f, go }: { f: Finding; go?: ((line: number) => void) | undefined }) {
  return (
    <li class="finding">
      <div class="line">
        <Sign tone={f.grade === 'error' ? 'bad' : 'warn'} />
        <span class="hidden">{t(`check.${f.grade}`)}</span>
        {f.line > 0 && (go ? <button type="button" class="link" onClick={() => go(f.line)}>{t('check.line', { line: String(f.line) })}</button> : <span>{t('check.line', { line: String(f.line) })}</span>)}
        {f.key !== '' && <Code>{f.key}</Code>}
      </div>
      <p><Words text={f.text} most={1000} /> <small class="mono">[{f.id}]</small></p>
    </li>
  );
}

/* Mistakes first, warnings apart from them. go: shows that line. */
export function Findings({ findings, go }: { findings: Finding[]; go?: (line: number) => void }) {
  const of = (grade: Finding['grade']) => findings.filter((f) => f.grade === grade);
  return (
    <>
      {(['error', 'warning'] as const).map((grade) => of(grade).length > 0 && (
        <section key={grade}>
          <h3>{t(grade === 'error' ? 'check.errors' : 'check.warnings', { n: of(grade).length })}</h3>
          <ul class="rows">{of(grade).map((f, i) => <One key={`${f.id}-${f.line}-${i}`} f={f} go={go} />)}</ul>
        </section>
      ))}
    </>
  );
}
