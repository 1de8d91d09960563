/* One's own account: password, second factor, passkeys, sessions, language. */
import { api } from '../api/client';
import { session } from '../api/session';
import { changed, useAct } from '../api/use';
import { chooseLanguage, type Language, languageNow, LANGUAGES, t, word } from '../i18n';
import { Sessions } from '../parts/sessions';
import { Button, Card, Facts, Failure, Page } from '../ui/basics';
import { Choice } from '../ui/form';
import { Time } from '../ui/text';
import { ChangePassword } from './account/password';
import { SecondFactor } from './account/factor';
import { Passkeys } from './account/passkeys';

export default function Account() {
  const who = session.value;
  const endOthers = useAct(async () => {
    await api('DELETE', '/me/sessions');
    await changed('/me/sessions');
  });
  if (!who) return null;
  return (
    <Page title={t('nav.account')}>
      <Card>
        <Facts
          rows={[
            [t('login.name'), <bdi>{who.name}</bdi>],
            [t('account.role'), word('role', who.role)],
            [t('account.ends'), <Time at={who.ends_at} />],
          ]}
        />
        <Choice label={t('account.language')} value={languageNow()} options={Object.entries(LANGUAGES)} change={(l) => chooseLanguage(l as Language)} />
      </Card>
      <SecondFactor />
      <Passkeys />
      <ChangePassword />
      <Card title={t('sessions.title')} actions={<Button busy={endOthers.busy} onClick={() => void endOthers.run()}>{t('sessions.end-others')}</Button>}>
        <Failure error={endOthers.error} />
        <Sessions path="/me/sessions" />
      </Card>
    </Page>
  );
}
