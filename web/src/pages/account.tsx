/* One's own account. */
import { session } from '../api/session';
import { chooseLanguage, type Language, languageNow, LANGUAGES, t, word } from '../i18n';
import { Card, Facts, Page } from '../ui/basics';
import { Choice } from '../ui/form';

export default function Account() {
  const who = session.value;
  if (!who) return null;
  return (
    <Page title={t('nav.account')}>
      <Card>
        <Facts rows={[[t('login.name'), <bdi>{who.name}</bdi>], [t('account.role'), word('role', who.role)]]} />
        <Choice label={t('account.language')} value={languageNow()} options={Object.entries(LANGUAGES)} change={(l) => chooseLanguage(l as Language)} />
      </Card>
    </Page>
  );
}
