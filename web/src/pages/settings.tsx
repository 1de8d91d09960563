/* What the server was told: every setting with its value, where it came from, what it means, and what a change of it takes. */
import { useState } from 'preact/hooks';
import { useApi } from '../api/use';
import { type Key, number, t } from '../i18n';
import { Badge, Button, Card, Clip, Empty, Failure, Page, Waiting } from '../ui/basics';
import { CheckBox, TextField } from '../ui/form';
import { Code, Words } from '../ui/text';

interface Setting {
  name: string;
  value: string | null; // never of a secret
  default: string | null;
  source: string;
  secret: boolean;
  set: boolean;
  restart: boolean;
  help: string;
}

/* What belongs together, in this order; the server itself has all the rest. */
const GROUPS: [Key, RegExp][] = [
  ['settings.group.access', /^(public-url|listen|tls.*|trusted-proxies|admin-.*|server|api-key|proxy)$/],
  ['settings.group.enrollment', /^(identity.*|device-ca.*|unknown-devices|takeover-wait|migration-window|user-auth|await-timeout|sign-message|scep-legacy|open-enrollment|accept-cut-off|authproxy-url)$/],
  ['settings.group.fleet', /^(wake-rate|inventory-interval|plan-limit|lost-after|apns-.*|mdmcert-.*|signing-.*|escrow-.*)$/],
  ['settings.group.webhooks', /^webhook-/],
  ['settings.group.notices', /^(smtp-.*|mail-.*|notify-command|domain-ends)$/],
  ['settings.group.server', /^/],
];
const groupOf = (s: Setting) => GROUPS.findIndex(([, names]) => names.test(s.name));
const WIDE = '(min-width: 40rem)';

/* Folded where there is little room, unless something is looked for. */
function Group({ title, settings, found }: { title: string; settings: Setting[]; found: boolean }) {
  const [open, setOpen] = useState(() => window.matchMedia(WIDE).matches);
  return (
    <details class="fold" open={open || found} onToggle={(e) => !found && setOpen(e.currentTarget.open)}>
      <summary><h2>{title}</h2> <span class="soft">{number(settings.length)}</span></summary>
      <ul class="rows">{settings.map((s) => <Row key={s.name} s={s} />)}</ul>
    </details>
  );
}

/* "flag --listen", "environment POMONA_LISTEN", "/etc/pomona.conf:3" */
function sourceText(source: string): string {
  const [kind = '', what = ''] = source.split(/ (.*)/s);
  return kind === 'flag' || kind === 'environment' ? t(`settings.source.${kind}`, { what }) : t('settings.source.file', { what: source });
}

function Value({ s }: { s: Setting }) {
  if (s.secret) return <em class="soft">{t(s.set ? 'settings.secret-set' : 'settings.secret-none')}</em>;
  if (s.value === null || s.value === '') return <span class="none">{t('settings.not-set')}</span>;
  return <Code>{s.value}</Code>;
}

function Row({ s }: { s: Setting }) {
  const [open, setOpen] = useState(false);
  const line = `${s.name} = ${s.secret ? '…' : (s.value ?? s.default ?? '')}`;
  return (
    <li>
      <div class="line">
        <strong><Code>{s.name}</Code></strong>
        <Value s={s} />
        {s.source !== 'default' && <Badge tone="info">{sourceText(s.source)}</Badge>}
        <span class="actions"><Button kind="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>{t('settings.how')}</Button></span>
      </div>
      <p class="soft"><Words text={s.help} most={600} /></p>
      <p class="soft">
        {!s.secret && s.default !== null && s.default !== '' && s.default !== s.value && <>{t('settings.default')} <Code>{s.default}</Code> · </>}
        {t(s.restart ? 'settings.restart' : 'settings.reload')}
      </p>
      {open && (
        <div class="how">
          <p>{t(s.restart ? 'settings.how-restart' : 'settings.how-reload')}</p>
          <Clip text={line} />
          <Clip text={`POMONA_${s.name.toUpperCase().replaceAll('-', '_')}`} />
        </div>
      )}
    </li>
  );
}

export default function Settings() {
  const { data, error, loading } = useApi<{ settings: Setting[] }>('/settings');
  const [text, setText] = useState('');
  const [mine, setMine] = useState(false);
  const words = text.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const shown = (data?.settings ?? []).filter((s) => (!mine || s.source !== 'default') && words.every((w) => `${s.name} ${s.help} ${s.secret ? '' : (s.value ?? '')}`.toLowerCase().includes(w)));
  return (
    <Page title={t('nav.settings')} lead={t('settings.lead')}>
      <Card>
        <div class="pair">
          <TextField label={t('settings.find')} value={text} change={setText} type="search" autoComplete="off" />
          <CheckBox label={t('settings.mine')} value={mine} change={setMine} />
        </div>
      </Card>
      <Failure error={error} />
      {loading && <Waiting />}
      {data && (
        <Card wide>
          <p class="soft" role="status">{t('settings.count', { n: shown.length })}</p>
          {shown.length === 0 ? <Empty>{t('settings.none')}</Empty> : GROUPS.map(([title], i) => {
            const of = shown.filter((s) => groupOf(s) === i);
            return of.length > 0 && <Group key={title} title={t(title)} settings={of} found={mine || words.length > 0} />;
          })}
        </Card>
      )}
    </Page>
  );
}
