/* One group: how it stands; changed, and removed, with a look at what that would do. */
import { useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { Pencil } from 'lucide-preact';
import { segment } from '../api/client';
import { tells } from '../api/live';
import { may } from '../api/session';
import { useApi } from '../api/use';
import { t } from '../i18n';
import { type Change, type Group, usePlan } from '../parts/group';
import { PlanPreview } from '../parts/plan-preview';
import { useSaveGroup } from '../parts/save-group';
import { Button, Card, Facts, Failure, Page, Waiting } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Code, Name, Time, Told } from '../ui/text';
import { toast } from '../ui/toasts';
import { EditGroup } from './groups/edit';
import { Standing } from './groups/standing';

const GONE: Change = { remove: true };

function Remove({ g, etag, close }: { g: Group; etag: string | null; close: () => void }) {
  const { route } = useLocation();
  const [base, setBase] = useState({ g, etag });
  const { plan, error, busy } = usePlan(g.name, GONE);
  const save = useSaveGroup({
    name: g.name, base: base.g, etag: base.etag, change: GONE, rebase: (now, tag) => setBase({ g: now, etag: tag }), giveUp: close,
    done: () => route('/groups'),
  });
  return (
    <Dialog title={t('group.remove-title', { name: g.name })} close={close}>
      <p>{t('group.remove-text')}</p>
      <Failure error={error} />
      {plan ? <PlanPreview plan={plan} /> : <Waiting />}
      {save.dialogs}
      <footer>
        <Button onClick={close}>{t('cancel')}</Button>
        <Button kind="danger" busy={save.busy || busy} onClick={() => void save.run()}>{t('group.remove')}</Button>
      </footer>
    </Dialog>
  );
}

export default function GroupPage() {
  const name = useRoute().params.name ?? '';
  const { route } = useLocation();
  const { data: g, etag, error, loading } = useApi<Group>(`/groups/${segment(name)}`, { on: tells('group'), every: 30_000 });
  const [editing, setEditing] = useState(false);
  const [removing, setRemoving] = useState(false);
  if (!g || g.name !== name)
    return (
      <Page title={t('group.one')}>
        <Failure error={error} />
        {loading && <Waiting />}
        <p><a href="/groups">{t('nav.groups')}</a></p>
      </Page>
    );
  const saved = (now: string) => {
    setEditing(false);
    toast(t('group.saved', { name: now }));
    if (now !== name) route(`/groups/${segment(now)}`, true);
  };
  return (
    <Page
      title={<Name text={g.name} />}
      lead={g.note ? <Told text={g.note} most={500} /> : undefined}
      actions={may('operator') && !editing && (
        <>
          <Button kind="main" icon={<Pencil size={16} aria-hidden="true" />} onClick={() => setEditing(true)}>{t('group.edit')}</Button>
          <Button kind="danger" onClick={() => setRemoving(true)}>{t('group.remove')}</Button>
        </>
      )}
    >
      <Failure error={error} />
      {editing ? <EditGroup group={g} etag={etag} close={() => setEditing(false)} saved={saved} /> : (
        <>
          <Card wide>
            <Facts
              rows={[
                [t('group.which'), g.rule === null ? t('group.static') : <Code>{g.rule}</Code>],
                [t('group.made'), <><Time at={g.created_at} /> · <Told text={g.created_by} /></>],
                [t('group.version'), g.version],
              ]}
            />
          </Card>
          <Standing g={g} />
        </>
      )}
      {removing && <Remove g={g} etag={etag} close={() => setRemoving(false)} />}
    </Page>
  );
}
