/* Which groups give it; and giving it to another one, with a look at what that would do. */
import { useState } from 'preact/hooks';
import { segment } from '../../api/client';
import { may } from '../../api/session';
import { useApi } from '../../api/use';
import { t } from '../../i18n';
import { type Change, type Group, type GroupShort, usePlan } from '../../parts/group';
import { useSaveGroup } from '../../parts/save-group';
import { Button, Card, Failure, Waiting } from '../../ui/basics';
import { CheckBox, Choice } from '../../ui/form';
import { PlanPreview } from '../../parts/plan-preview';
import { toast } from '../../ui/toasts';
import { Groups, type Profile } from './parts';

function Assign({ p, group, close }: { p: Profile; group: string; close: () => void }) {
  const { data: g, etag, again } = useApi<Group>(`/groups/${segment(group)}`, { calm: true });
  const [users, setUsers] = useState(p.scope === 'User');
  const given = p.groups.includes(group);
  const one = { kind: 'profile' as const, ref: p.identifier, users };
  const change: Change = given ? { unassign: [one] } : { assign: [{ ...one, options: null }] };
  const { plan, error, busy } = usePlan(group, change);
  const save = useSaveGroup({
    name: group,
    base: g ?? null,
    etag,
    change,
    rebase: () => void again(),
    giveUp: close,
    done: () => {
      toast(t('group.saved', { name: group }));
      close();
    },
  });
  return (
    <>
      <CheckBox label={t('group.for-users')} help={t('group.for-users-help')} value={users} change={setUsers} />
      <Failure error={error} />
      {plan ? <PlanPreview plan={plan} /> : <Waiting />}
      {save.dialogs}
      <div class="actions">
        <Button kind={given ? 'danger' : 'main'} busy={save.busy || busy} disabled={!g || error !== undefined} onClick={() => void save.run()}>{t(given ? 'profiles.unassign' : 'profiles.assign')}</Button>
        <Button onClick={close}>{t('cancel')}</Button>
      </div>
    </>
  );
}

export function AssignProfile({ p }: { p: Profile }) {
  const [group, setGroup] = useState('');
  const { data } = useApi<{ groups: GroupShort[] }>('/groups');
  const all = data?.groups ?? [];
  return (
    <Card title={t('profiles.given-by')}>
      <p><Groups names={p.groups} /></p>
      {may('operator') && (
        <>
          <Choice
            label={t('profiles.assign-to')}
            value={group}
            options={[['', t('profiles.choose-group')], ...all.map((g): [string, string] => [g.name, p.groups.includes(g.name) ? t('profiles.has-it', { name: g.name }) : g.name])]}
            change={setGroup}
          />
          {group === '' ? <p><a href="/new-group">{t('group.new')}</a></p> : <Assign key={group} p={p} group={group} close={() => setGroup('')} />}
        </>
      )}
    </Card>
  );
}
