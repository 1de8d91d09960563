/* A new group. */
import { useLocation } from 'preact-iso';
import { segment } from '../api/client';
import { may } from '../api/session';
import { t } from '../i18n';
import { Page } from '../ui/basics';
import { toast } from '../ui/toasts';
import { EditGroup } from './groups/edit';

export default function NewGroup() {
  const { route } = useLocation();
  if (!may('operator')) return <Page title={t('not-allowed.title')}>{t('not-allowed.text')}</Page>;
  const saved = (name: string) => {
    toast(t('group.saved', { name }));
    route(`/groups/${segment(name)}`, true);
  };
  return (
    <Page title={t('group.new')} lead={t('group.new-lead')}>
      <EditGroup group={null} etag={null} close={() => route('/groups')} saved={saved} />
    </Page>
  );
}
