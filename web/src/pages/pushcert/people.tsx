/* Who stands behind the certificate: only the Apple Account that made it can renew it. */
import { useEffect, useState } from 'preact/hooks';
import { api } from '../../api/client';
import { may } from '../../api/session';
import { changed, useAct, useApi } from '../../api/use';
import { type Key, t, word } from '../../i18n';
import { Badge, Banner, Button, Card, Facts, Failure, Waiting } from '../../ui/basics';
import { Choice, Form, TextArea, TextField } from '../../ui/form';
import { Told, Time } from '../../ui/text';
import { toast } from '../../ui/toasts';
import type { Warning } from './types';

const FIELDS = ['apple_account', 'second_factor', 'trusted_person_1', 'trusted_person_2', 'password_place', 'owner', 'owner_email', 'deputy', 'deputy_email', 'organization', 'address', 'web_site', 'note'] as const;
type Field = (typeof FIELDS)[number];
type Fields = Record<Field, string | null>;

interface PushRecord extends Fields {
  topic: string;
  account_kind: string | null;
  account_looks: string | null;
  confirmed_at: string | null;
  confirmed_by: string | null;
  updated_at: string | null;
  updated_by: string | null;
  warnings: Warning[];
}

const label = (field: Field) => t(`record.${field}` satisfies Key);
const KINDS = ['', 'organization', 'personal', 'managed'] as const;

function Confirmation({ record, again }: { record: PushRecord; again: () => Promise<void> }) {
  const act = useAct(async () => {
    await api('PUT', '/pushcerts/record', { query: { topic: record.topic }, body: { confirm: true, updated_at: record.updated_at } });
    await again();
    toast(t('record.confirmed'));
  });
  return (
    <Card title={t('record.confirm-title')}>
      <p>{t('record.confirm-text')}</p>
      <Facts rows={[[t('record.confirmed-last'), record.confirmed_at ? <><Time at={record.confirmed_at} />, <bdi>{record.confirmed_by}</bdi></> : t('never')]]} />
      <Failure error={act.error} />
      {may('admin') && <p><Button busy={act.busy} onClick={() => void act.run()}>{t('record.confirm')}</Button></p>}
    </Card>
  );
}

/* What another person wrote meanwhile stands beside what was typed; nothing is lost. */
function Edit({ record, again, close }: { record: PushRecord; again: () => Promise<void>; close: () => void }) {
  const [typed, setTyped] = useState<Partial<Record<Field, string>>>({});
  const [kind, setKind] = useState(record.account_kind ?? '');
  const [seen, setSeen] = useState(record.updated_at); // what the change is made of; it stays when others' changes arrive
  const act = useAct(async () => {
    const body: Record<string, string | null> = { updated_at: seen };
    for (const [field, text] of Object.entries(typed)) body[field] = text;
    if (kind !== (record.account_kind ?? '')) body.account_kind = kind;
    await api('PUT', '/pushcerts/record', { query: { topic: record.topic }, body });
    await Promise.all([again(), changed('/pushcerts', '/status', '/guardian')]);
    close();
    toast(t('saved'));
  });
  const conflict = act.error?.status === 409;
  useEffect(() => {
    if (conflict) void again();
  }, [conflict]); // eslint-disable-line react-hooks/exhaustive-deps -- what stands now is read once for each refusal
  useEffect(() => {
    if (conflict) setSeen(record.updated_at); // it is shown now
  }, [conflict, record.updated_at]);
  return (
    <Card title={t('record.edit')}>
      <Form submit={() => void act.run()}>
        {FIELDS.map((field) => {
          const now = record[field] ?? '';
          const mine = typed[field];
          const help = conflict && mine !== undefined && mine !== now ? t('conflict.now', { text: now || '–' }) : t(`record.${field}-help` satisfies Key);
          const change = (text: string) => setTyped({ ...typed, [field]: text });
          if (field === 'note' || field === 'address') return <TextArea key={field} label={label(field)} help={help} value={mine ?? now} change={change} rows={3} />;
          return <TextField key={field} label={label(field)} help={help} value={mine ?? now} change={change} />;
        })}
        <Choice label={t('record.account_kind')} help={t('record.account_kind-help')} value={kind} change={setKind} options={KINDS.map((k) => [k, t(`record.kind.${k || 'unknown'}` satisfies Key)])} />
        {conflict ? <Banner tone="warn" title={t('conflict.title')}>{t('conflict.text')}</Banner> : <Failure error={act.error} />}
        <footer>
          <Button type="submit" kind="main" busy={act.busy}>{t('save')}</Button>
          <Button onClick={close}>{t('cancel')}</Button>
        </footer>
      </Form>
    </Card>
  );
}

interface Move {
  to: string;
  steps: string[];
  record: PushRecord;
}

/* The account gets another address; the topic stays. Apple's steps are of the record as it was planned with: when it is
   another by now, they are to be looked at again. */
function AccountChange({ record, again }: { record: PushRecord; again: () => Promise<void> }) {
  const [to, setTo] = useState('');
  const [planned, setPlanned] = useState<Move | null>(null);
  const act = useAct(async (done: boolean) => {
    const seen = (done ? planned?.record : record)?.updated_at ?? null;
    try {
      const move = await api<Move>('POST', '/pushcerts/account', { body: { topic: record.topic, to, updated_at: seen, ...(done ? { done } : {}) } });
      setPlanned(done ? null : move);
    } catch (e) {
      setPlanned(null);
      throw e;
    } finally {
      await again();
    }
    if (done) toast(t('saved'));
  });
  return (
    <Card title={t('record.change')}>
      <p>{t('record.change-text')}</p>
      <Form submit={() => void act.run(false)}>
        <TextField label={t('record.change-to')} type="email" value={to} change={setTo} required />
        <Failure error={act.error} />
        {planned && <ol class="steps">{planned.steps.map((s) => <li key={s}><bdi>{s}</bdi></li>)}</ol>}
        <footer>
          <Button type="submit" busy={act.busy} disabled={to === ''}>{t('record.change-plan')}</Button>
          {planned && <Button kind="main" busy={act.busy} onClick={() => void act.run(true)}>{t('record.change-done')}</Button>}
        </footer>
      </Form>
    </Card>
  );
}

export function People({ topic }: { topic: string }) {
  const { data, error, loading, again } = useApi<{ record: PushRecord }>(`/pushcerts/record?topic=${encodeURIComponent(topic)}`, { on: (c) => c.kind.startsWith('pushcert.') });
  const [editing, setEditing] = useState(false);
  const record = data?.record;
  if (!record) return <>{loading && <Waiting />}<Failure error={error} /></>;
  return (
    <>
      {record.warnings.length > 0 && (
        <Banner tone="warn" title={t('pushcert.warnings', { n: record.warnings.length })}>
          <ul>{record.warnings.map((w) => <li key={w.slug}>{word('pushcert.warning', w.slug)}</li>)}</ul>
        </Banner>
      )}
      {editing ? (
        <Edit record={record} again={again} close={() => setEditing(false)} />
      ) : (
        <Card title={t('record.title')} actions={may('admin') && <Button onClick={() => setEditing(true)}>{t('edit')}</Button>}>
          <Facts
            rows={[
              ...FIELDS.map((field): [string, preact.ComponentChildren] => [label(field), <Told text={record[field]} />]),
              [t('record.account_kind'), <Badge tone={record.account_looks === 'organization' ? 'ok' : 'warn'}>{word('record.kind', record.account_kind ?? record.account_looks ?? 'unknown')}</Badge>],
              [t('record.updated'), record.updated_at ? <><Time at={record.updated_at} />, <bdi>{record.updated_by}</bdi></> : t('never')],
            ]}
          />
        </Card>
      )}
      <Confirmation record={record} again={again} />
      {may('admin') && <AccountChange record={record} again={again} />}
    </>
  );
}
