/* All certificates there ever were, what was done with them, and the way back. */
import { useState } from 'preact/hooks';
import { api } from '../../api/client';
import { may } from '../../api/session';
import { changed, useAct, useApi } from '../../api/use';
import { t, word } from '../../i18n';
import { Badge, Button, Card, Failure, Waiting } from '../../ui/basics';
import { Confirm } from '../../ui/dialog';
import { Table } from '../../ui/table';
import { Code, Moment } from '../../ui/text';
import { toast } from '../../ui/toasts';
import { type Anyway, Refusal } from './refusal';
import type { PushCert } from './types';

interface Past {
  topic: string;
  enrollments: number;
  certificates: PushCert[];
  acts: { at: string; act: string; serial_number: string | null; by: string; detail: Record<string, unknown> | null }[];
}

/* An act of the record, or a step of the dossier. */
function actName(act: string): string {
  return act.startsWith('dossier-') ? `${t('pushcert.tab.dossier')}: ${word('dossier.state', act.slice(8))}` : word('pushcert.act', act);
}

function Rollback({ cert, close, again }: { cert: PushCert; close: () => void; again: () => Promise<void> }) {
  const act = useAct(async (how?: Anyway) => {
    await api('POST', '/pushcerts/rollback', { query: how ? { [how]: 1 } : {}, body: { serial_number: cert.serial_number } });
    await Promise.all([again(), changed('/pushcerts', '/status', '/guardian')]);
    toast(t('rollback.done'));
    close();
  });
  return (
    <Confirm title={t('rollback.title')} verb={t('rollback.go')} danger wide={act.error !== undefined} busy={act.busy} go={() => void act.run()} close={close}>
      <p>{t('rollback.text')}</p>
      <p><Code>{cert.serial_number}</Code>, {t('pushcert.ends')} <Moment at={cert.not_after} /></p>
      <Refusal error={act.error} verb={t('rollback.go-anyway')} anyway={(how) => void act.run(how)} />
    </Confirm>
  );
}

const valid = (c: PushCert) => c.state === 'superseded' && Date.parse(c.not_after) > Date.now();

export function History() {
  const { data, error, loading, again } = useApi<{ topics: Past[] }>('/pushcerts/history', { on: (c) => c.kind.startsWith('pushcert.') });
  const [back, setBack] = useState<PushCert | null>(null);
  return (
    <>
      <Failure error={error} />
      {loading && <Waiting />}
      {data?.topics.map((topic) => (
        <Card key={topic.topic} title={<Code>{topic.topic}</Code>}>
          <p class="soft">{t('history.enrollments', { n: topic.enrollments })}</p>
          <Table
            caption={t('history.certificates')}
            rows={topic.certificates}
            id={(c) => c.serial_number}
            columns={[
              { id: 'state', name: t('history.state'), cell: (c) => <Badge tone={c.state === 'ok' ? 'ok' : c.state === 'superseded' ? 'none' : 'warn'}>{word('pushcert.state', c.state)}</Badge> },
              { id: 'serial', name: t('pushcert.serial'), cell: (c) => <Code>{c.serial_number}</Code> },
              { id: 'ends', name: t('pushcert.ends'), cell: (c) => <Moment at={c.not_after} /> },
              { id: 'imported', name: t('history.imported'), cell: (c) => <><Moment at={c.imported_at} /> · <bdi>{c.imported_by}</bdi></> },
              { id: 'act', name: <span class="hidden">{t('acts')}</span>, cell: (c) => may('admin') && valid(c) && <Button onClick={() => setBack(c)}>{t('rollback.go')}</Button>, align: 'end' },
            ]}
          />
          <h3>{t('history.acts')}</h3>
          <Table
            caption={t('history.acts')}
            rows={[...topic.acts].reverse()}
            id={(a) => `${a.at} ${a.act} ${a.serial_number ?? ''}`}
            columns={[
              { id: 'at', name: t('history.at'), cell: (a) => <Moment at={a.at} /> },
              { id: 'act', name: t('history.act'), cell: (a) => actName(a.act) },
              { id: 'serial', name: t('pushcert.serial'), cell: (a) => a.serial_number && <Code>{a.serial_number}</Code> },
              { id: 'by', name: t('history.by'), cell: (a) => <bdi>{a.by}</bdi> },
            ]}
          />
        </Card>
      ))}
      {back && <Rollback cert={back} close={() => setBack(null)} again={again} />}
    </>
  );
}
