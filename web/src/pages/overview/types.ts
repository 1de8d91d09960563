/* What /api/v1/overview tells. */
import type { PushCert } from '../pushcert/types';

interface Verdict {
  verdict: string;
  scope: string;
  message: string;
  fix: string;
  devices: number;
  examples: string[];
}
export interface Hour {
  at: string;
  due: number;
  pushed: number;
  accepted: number;
  connected: number;
  answered: number;
}
export interface Overview {
  devices: { total: number; former: number; seen_within_day: number; seen_within_week: number; by_platform: Record<string, number>; by_state: Record<string, number> };
  verdicts: Verdict[];
  alarm: { since: string; text: string } | null;
  compliance: { compliant: number; working: number; failing: number };
  commands: { waiting: number; oldest_at: string | null; own_questions: number; by_request_type: { request_type: string; waiting: number; oldest_at: string }[] };
  wakeups: { hours: Hour[] };
  banner: { slug: string; title: string; text: string; fix: string }[];
  guardian: { kind: string; subject: string; name: string; at: string; days_left: number; effect: string; fix: string }[];
  doctor: { at: string | null; checks: { name: string; status: 'warn' | 'fail'; message: string; fix: string }[] };
  webhooks: { receivers: number; failing: number; due: number; dead: number };
  recent: { event: number; at: string; kind: string; enrollment: string | null; device_name: string | null; data: Record<string, unknown> }[];
  takeovers: unknown[];
  pushcerts: PushCert[];
}
