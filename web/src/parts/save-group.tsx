/* The end of every change of a group: sent for the version that was looked at; many devices are confirmed by their number, and a
   change that somebody else made meanwhile is shown beside one's own, so that neither is lost. */
import type { ComponentChildren } from 'preact';
import { api, segment } from '../api/client';
import { type Act, changed, useAct, useApi } from '../api/use';
import { t } from '../i18n';
import { Button, Card, Failure, Sign, Waiting } from '../ui/basics';
import { Confirm } from '../ui/dialog';
import { type Difference, Differences } from '../ui/diff';
import { type Assignment, type Change, type Group, makeChange, moved, unconfirmed } from './group';

const titleOf = (a: Pick<Assignment, 'kind' | 'ref' | 'users'>) => `${t(`group.kind.${a.kind}`)} ${a.ref}${a.users ? ` (${t('group.users')})` : ''}`;
const optionsOf = (a: Assignment) => (a.options && Object.keys(a.options).length > 0 ? JSON.stringify(a.options) : '✓');

/* A group as keys and values. */
function flat(g: Group): Map<string, string> {
  const all = new Map<string, string>([[t('group.name'), g.name], [t('group.rule'), g.rule ?? t('group.static')], ...(g.note ? [[t('group.note'), g.note] as [string, string]] : [])]);
  for (const a of g.assignments) all.set(titleOf(a), optionsOf(a));
  return all;
}

export function between(was: Group, is: Group): Difference[] {
  const a = flat(was);
  const b = flat(is);
  return [...new Set([...a.keys(), ...b.keys()])].filter((k) => a.get(k) !== b.get(k)).map((key) => ({ key, was: a.get(key) ?? null, is: b.get(key) ?? null }));
}

/* A change as differences from what it was made of. */
function ofChange(base: Group, c: Change): Difference[] {
  const all: Difference[] = [];
  if (c.new_name !== undefined) all.push({ key: t('group.name'), was: base.name, is: c.new_name });
  if (c.rule !== undefined || c.static) all.push({ key: t('group.rule'), was: base.rule ?? t('group.static'), is: c.rule ?? t('group.static') });
  if (c.note !== undefined) all.push({ key: t('group.note'), was: base.note, is: c.note });
  for (const id of c.add ?? []) all.push({ key: `${t('group.member')} ${id}`, was: null, is: '✓' });
  for (const id of c.drop ?? []) all.push({ key: `${t('group.member')} ${id}`, was: '✓', is: null });
  for (const a of c.assign ?? []) all.push({ key: titleOf(a), was: null, is: optionsOf(a) });
  for (const a of c.unassign ?? []) all.push({ key: titleOf(a), was: '✓', is: null });
  return all;
}

/* Both changes: the other one's, and mine. */
function Conflict({ base, change, goOn, giveUp }: { base: Group; change: Change; goOn: (now: Group, etag: string | null) => void; giveUp: () => void }) {
  const { data: now, etag, error } = useApi<Group>(`/groups/${segment(base.name)}`);
  if (!now) return error ? <Failure error={error} /> : <Waiting />;
  return (
    <Card title={<><Sign tone="warn" /> {t('conflict.group')}</>}>
      <p role="alert">{t('conflict.group-text', { version: now.version })}</p>
      <h3>{t('conflict.theirs')}</h3>
      <Differences all={between(base, now)} />
      <h3>{t('conflict.mine')}</h3>
      <Differences all={ofChange(base, change)} />
      <footer>
        <Button kind="main" onClick={() => goOn(now, etag)}>{t('conflict.go-on')}</Button>
        <Button onClick={giveUp}>{t('conflict.give-up')}</Button>
      </footer>
    </Card>
  );
}

interface Saving extends Act<[number?]> {
  dialogs: ComponentChildren;
}

/* base and etag: what the change was made of; NULL: a new group, of that name. */
export function useSaveGroup({ name, base, etag, change, rebase, giveUp, done }: {
  name: string;
  base: Group | null;
  etag: string | null;
  change: Change;
  rebase: (now: Group, etag: string | null) => void;
  giveUp: () => void;
  done: (saved: Group | null) => void;
}): Saving {
  const act = useAct(async (confirm?: number) => {
    const saved = base ? await makeChange(base.name, change, etag, confirm) : await api<Group>('POST', '/groups', { body: { name, ...change }, query: { confirm } });
    await changed('/groups', '/profiles');
    done(saved);
  });
  const many = unconfirmed(act.error);
  const dialogs = (
    <>
      {many !== undefined && (
        <Confirm title={t('plan.many-title', { n: many })} verb={t('plan.many-go')} busy={act.busy} go={() => void act.run(many)} close={act.clear} type={String(many)}>
          <p>{t('plan.many-text')}</p>
        </Confirm>
      )}
      {moved(act.error) && base && (
        <Conflict
          base={base}
          change={change}
          goOn={(now, tag) => {
            act.clear();
            rebase(now, tag);
          }}
          giveUp={() => {
            act.clear();
            giveUp();
          }}
        />
      )}
      {many === undefined && !moved(act.error) && <Failure error={act.error} />}
    </>
  );
  return { ...act, dialogs };
}
