/* The frame around every page, and who may see which. */
import { Component, type ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { LocationProvider, Route, Router, useLocation } from 'preact-iso';
import { SWRConfig } from 'swr';
import { sessionEnded } from './api/client';
import { connect, disconnect } from './api/live';
import { may, session } from './api/session';
import { t } from './i18n';
import { PAGES } from './pages';
import { Trackers } from './parts/tracker';
import { Login } from './pages/login';
import { Setup } from './pages/setup';
import { Frame } from './ui/frame';
import { Banner, Button, Page, Waiting } from './ui/basics';
import { Dialog } from './ui/dialog';
import { Toasts } from './ui/toasts';

class Caught extends Component<{ children: ComponentChildren }, { error: Error | null }> {
  override state = { error: null as Error | null };
  static override getDerivedStateFromError(error: Error) {
    return { error };
  }
  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <Page title={t('broken.title')}>
        <Banner tone="bad" title={this.state.error.message} actions={<Button onClick={() => window.location.reload()}>{t('reload')}</Button>} />
      </Page>
    );
  }
}

function NotFound() {
  return (
    <Page title={t('not-found.title')} lead={t('not-found.text')}>
      <p><a href="/">{t('nav.overview')}</a></p>
    </Page>
  );
}

function NotAllowed() {
  return <Page title={t('not-allowed.title')} lead={t('not-allowed.text')}>{null}</Page>;
}

/* Who comes with the keyboard goes on where the new page begins. */
function arrived() {
  window.scrollTo(0, 0);
  window.requestAnimationFrame(() => (document.querySelector<HTMLElement>('main h1') ?? document.getElementById('main'))?.focus({ preventScroll: true }));
}

function Inside() {
  useEffect(() => {
    connect();
    return disconnect;
  }, []);
  return (
    <SWRConfig value={{ provider: () => new Map() }}>
      <Frame>
        <Caught>
          <Router onRouteChange={arrived}>
            {PAGES.map((row) => <Route key={row.path} path={row.path} component={may(row.role) ? row.page : NotAllowed} />)}
            <Route default component={NotFound} />
          </Router>
        </Caught>
      </Frame>
      <Trackers />
      {sessionEnded.value && (
        <Dialog title={t('login.again')}>
          <p>{t('login.again-text')}</p>
          <Login again />
        </Dialog>
      )}
    </SWRConfig>
  );
}

function Which() {
  const { path } = useLocation();
  if (path === '/setup') return <Setup />;
  if (session.value === undefined) return <Waiting />;
  return session.value ? <Inside /> : <Login />;
}

export function App() {
  return (
    <LocationProvider>
      <Which />
      <Toasts />
    </LocationProvider>
  );
}
