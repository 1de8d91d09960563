/* The pages: one row each, in the order of the navigation. `role`: who sees it at all; what else they may do stands with each act.
   The server answers their first segments with the console: server/face/console_http.c. */
import { lazy } from 'preact-iso';
import { BadgeCheck, Gauge, KeyRound, type LucideIcon, UserRound, Users } from 'lucide-preact';
import type { ComponentType } from 'preact';
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

export const PAGES: PageRow[] = [
  { path: '/', page: lazy(() => import('./pages/overview')), role: 'viewer', section: 'fleet', name: 'nav.overview', icon: Gauge, letter: 'o' },
  { path: '/pushcert', page: lazy(() => import('./pages/pushcert')), role: 'viewer', section: 'server', name: 'nav.pushcert', icon: BadgeCheck, letter: 'c' },
  { path: '/users', page: lazy(() => import('./pages/users')), role: 'admin', section: 'server', name: 'nav.users', icon: Users, letter: 'u' },
  { path: '/tokens', page: lazy(() => import('./pages/tokens')), role: 'admin', section: 'server', name: 'nav.tokens', icon: KeyRound, letter: 't' },
  { path: '/account', page: lazy(() => import('./pages/account')), role: 'viewer', section: 'own', name: 'nav.account', icon: UserRound, letter: 'a' },
];
