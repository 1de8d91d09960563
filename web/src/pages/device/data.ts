/* GET /api/v1/devices/ID: all that is known of one device. */
import type { Device } from '../../parts/device';
import type { Takeover } from '../takeovers';

interface Escrowed {
  kind: string;
  at: string;
  revealed_at: string | null;
  revealed_by: string | null;
}
export interface PlanItem {
  kind: string;
  ref: string;
  act: string;
  state: string;
  why: string | null;
  since: string | null;
  tries: number;
  next_at: string | null;
  command_uuid: string | null;
  channel: string | null;
  groups: string[];
}
export interface Plan {
  state: string;
  why: string | null;
  since: string | null;
  being_looked_at: boolean;
  groups: string[];
  items: PlanItem[];
  not_applicable: { kind: string; ref: string; why: string }[];
}
interface UserChannel {
  id: string;
  type: string;
  short_name: string | null;
  long_name: string | null;
  enrolled: boolean;
  last_seen: string | null;
  push: string;
  commands_waiting: number;
}
export interface Past {
  state: string;
  authenticated_at: string | null;
  enrolled_at: string | null;
  ended_at: string | null;
  way_in: string | null;
  address: string | null;
  topic: string | null;
}
interface Namesake {
  id: string;
  state: string;
  former: boolean;
  enrolled_at: string | null;
  last_seen: string | null;
}
interface Waits {
  command_uuid: string;
  request_type: string;
  status: string;
  queued_at: string | null;
  updated_at: string | null;
}

export interface Channel extends Device {
  device: string | null; // of a user's channel: whose
  product_name: string | null;
  build_version: string | null;
  user_short_name: string | null;
  user_long_name: string | null;
  authenticated_at: string | null;
  enrolled_at: string | null;
  checked_out_at: string | null;
  last_address: string | null;
  awaiting_configuration: boolean;
  unlock_token_held: boolean;
  bootstrap_token_held: boolean;
  identity_not_after: string | null;
  commands_waiting: number;
  version: number;
  takeover: Takeover | null;
}
export interface Whole extends Channel {
  users: UserChannel[];
  history: Past[];
  same_serial_number: Namesake[];
  waiting: Waits[];
  escrow: Escrowed[];
  installed: { profiles: number | null; apps: number | null; managed_apps: number | null };
  misfits: { request_type: string; misfits: number }[];
  plan: Plan;
}
