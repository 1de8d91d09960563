/* What /api/v1/pushcerts tells. */
import type { Tone } from '../../ui/basics';

/* How urgent a date is. That nobody said who can sign in is no end of anything by itself: never more than a warning. */
export const dateTone = (d: { kind: string; days_left: number }): Tone => (d.days_left > 60 ? 'ok' : d.days_left > 14 || d.kind === 'account' ? 'warn' : 'bad');

export interface Warning {
  slug: string;
  text: string;
}

export interface PushCert {
  topic: string;
  state: 'ok' | 'expiring' | 'expired' | 'revoked' | 'superseded';
  not_before: string;
  not_after: string;
  days_left: number;
  serial_number: string;
  serial_number_decimal: string;
  subject: string;
  issuer: string;
  apple_id: string | null;
  enrollments: number;
  imported_at: string;
  imported_by: string;
  superseded_at: string | null;
  proof: string;
  proof_text: string;
  proven_at: string | null;
  new_enrollments?: boolean;
  planned_at?: string | null;
  warnings?: Warning[];
  next?: string;
  portal?: string;
}

export interface CertRequest {
  id: number;
  topic: string | null;
  created_at: string;
  created_by: string;
  used_at: string | null;
  csr: string;
  note?: string;
  steps?: string[];
}

export interface Imported {
  topic: string;
  not_after: string;
  serial_number: string;
  notes?: string[];
  [more: string]: unknown;
}

/* Those in use: one a topic, the newest of it. */
export const inUse = (certs: PushCert[]) => certs.filter((c) => c.state !== 'superseded');
