/* The pages: one row each, in the order of the navigation. `role`: who sees it at all; what else they may do stands with each act.
   The server answers their first segments with the console: server/face/console_http.c. */
import { lazy } from 'preact-iso';
import { ArrowLeftRight, BadgeCheck, Boxes, FileCog, Gauge, KeyRound, type LucideIcon, Package, QrCode, ScrollText, Settings2, SquareTerminal, Stethoscope, TabletSmartphone, UserRound, Users, Webhook } from 'lucide-preact';
import type { ComponentType } from 'preact';
import { coming } from './api/coming';
import type { Role } from './api/session';
import type { Key } from './i18n';

export interface PageRow {
  path: string;
  page: ComponentType;
  role: Role;
  section: 'fleet' | 'server' | 'own'; // of the navigation
  name?: Key; // there; without it the page is reached from others
  icon?: LucideIcon;
  letter?: string; // "g" and this letter go there
}

const late = (load: () => Promise<{ default: ComponentType }>) => lazy(() => coming(load));

export const PAGES: PageRow[] = [
  { path: '/', page: late(() => import('./pages/overview')), role: 'viewer', section: 'fleet', name: 'nav.overview', icon: Gauge, letter: 'o' },
  { path: '/devices', page: late(() => import('./pages/devices')), role: 'viewer', section: 'fleet', name: 'nav.devices', icon: TabletSmartphone, letter: 'd' },
  { path: '/devices/:id', page: late(() => import('./pages/device')), role: 'viewer', section: 'fleet' },
  { path: '/commands', page: late(() => import('./pages/commands')), role: 'viewer', section: 'fleet', name: 'nav.commands', icon: SquareTerminal, letter: 'q' },
  { path: '/commands/:uuid', page: late(() => import('./pages/command')), role: 'viewer', section: 'fleet' },
  { path: '/takeovers', page: late(() => import('./pages/takeovers')), role: 'viewer', section: 'fleet', name: 'nav.takeovers', icon: ArrowLeftRight, letter: 'h' },
  { path: '/groups', page: late(() => import('./pages/groups')), role: 'viewer', section: 'fleet', name: 'nav.groups', icon: Boxes, letter: 'r' },
  { path: '/new-group', page: late(() => import('./pages/group-new')), role: 'operator', section: 'fleet' },
  { path: '/groups/:name', page: late(() => import('./pages/group')), role: 'viewer', section: 'fleet' },
  { path: '/profiles', page: late(() => import('./pages/profiles')), role: 'viewer', section: 'fleet', name: 'nav.profiles', icon: FileCog, letter: 'p' },
  { path: '/profiles/:identifier', page: late(() => import('./pages/profile')), role: 'viewer', section: 'fleet' },
  { path: '/packages', page: late(() => import('./pages/packages')), role: 'viewer', section: 'fleet', name: 'nav.packages', icon: Package, letter: 'k' },
  { path: '/enrollment', page: late(() => import('./pages/enrollment')), role: 'operator', section: 'fleet', name: 'nav.enrollment', icon: QrCode, letter: 'e' },
  { path: '/pushcert', page: late(() => import('./pages/pushcert')), role: 'viewer', section: 'server', name: 'nav.pushcert', icon: BadgeCheck, letter: 'c' },
  { path: '/users', page: late(() => import('./pages/users')), role: 'admin', section: 'server', name: 'nav.users', icon: Users, letter: 'u' },
  { path: '/tokens', page: late(() => import('./pages/tokens')), role: 'admin', section: 'server', name: 'nav.tokens', icon: KeyRound, letter: 't' },
  { path: '/webhooks', page: late(() => import('./pages/webhooks')), role: 'viewer', section: 'server', name: 'nav.webhooks', icon: Webhook, letter: 'w' },
  { path: '/audit', page: late(() => import('./pages/audit')), role: 'admin', section: 'server', name: 'nav.audit', icon: ScrollText, letter: 'l' },
  { path: '/settings', page: late(() => import('./pages/settings')), role: 'admin', section: 'server', name: 'nav.settings', icon: Settings2, letter: 's' },
  { path: '/doctor', page: late(() => import('./pages/doctor')), role: 'viewer', section: 'server', name: 'nav.doctor', icon: Stethoscope, letter: 'x' },
  { path: '/account', page: late(() => import('./pages/account')), role: 'viewer', section: 'own', name: 'nav.account', icon: UserRound, letter: 'a' },
];
