/* Passkeys: the server's options, the browser's own dialog, and what came of it back to the server. */
import { t } from '../i18n';
import { api, ApiError } from './client';
import type { Session } from './session';

interface Descriptor {
  type: 'public-key';
  id: string;
}
interface Asked<T> {
  id: string; // of the challenge
  public_key: T;
}
type Creation = Omit<PublicKeyCredentialCreationOptions, 'challenge' | 'user' | 'excludeCredentials'> & {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials: Descriptor[];
};
type Request = Omit<PublicKeyCredentialRequestOptions, 'challenge' | 'allowCredentials'> & { challenge: string; allowCredentials: Descriptor[] };

/* Why there are none here; NULL: there are. Browsers have them for names, on pages that nobody between can change. */
export function noPasskeys(): 'browser' | 'page' | 'address' | null {
  if (!window.isSecureContext) return 'page';
  if (typeof window.PublicKeyCredential !== 'function') return 'browser';
  if (!('getAuthenticatorData' in window.AuthenticatorAttestationResponse.prototype)) return 'browser';
  return /^[\d.]+$|^\[/.test(window.location.hostname) ? 'address' : null;
}

/* Base64url (RFC 4648 section 5), without padding. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  const raw = window.atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

function encode(bytes: ArrayBuffer | null): string {
  const raw = Array.from(new Uint8Array(bytes ?? new ArrayBuffer(0)), (b) => String.fromCharCode(b)).join('');
  return window.btoa(raw).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/* The browser says no in one way for almost everything, so that a page learns nothing of who is there. */
async function browsers(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const made = await ask();
    if (made instanceof PublicKeyCredential) return made;
  } catch (e) {
    if (e instanceof DOMException && e.name === 'InvalidStateError') throw new ApiError(409, 'conflict', t('passkeys.there'), '', {});
  }
  throw new ApiError(400, 'invalid', t('passkeys.none'), '', {});
}

export async function addPasskey(name: string, password: string): Promise<void> {
  const { id, public_key: asked } = await api<Asked<Creation>>('POST', '/me/passkeys/options', { body: { password } });
  const made = await browsers(() =>
    navigator.credentials.create({
      publicKey: {
        ...asked,
        challenge: decode(asked.challenge),
        user: { ...asked.user, id: decode(asked.user.id) },
        excludeCredentials: asked.excludeCredentials.map((d) => ({ ...d, id: decode(d.id) })),
      },
    }),
  );
  const answer = made.response as AuthenticatorAttestationResponse;
  await api('POST', '/me/passkeys', {
    quiet: true,
    body: { id, name, client_data: encode(answer.clientDataJSON), authenticator_data: encode(answer.getAuthenticatorData()) },
  });
}

export async function logInByPasskey(): Promise<Session> {
  const { id, public_key: asked } = await api<Asked<Request>>('POST', '/session/passkey/options', { quiet: true, body: {} });
  const told = await browsers(() => navigator.credentials.get({ publicKey: { ...asked, challenge: decode(asked.challenge), allowCredentials: [] } }));
  const answer = told.response as AuthenticatorAssertionResponse;
  return api<Session>('POST', '/session/passkey', {
    quiet: true,
    body: {
      id,
      credential: encode(told.rawId),
      user: encode(answer.userHandle),
      client_data: encode(answer.clientDataJSON),
      authenticator_data: encode(answer.authenticatorData),
      signature: encode(answer.signature),
    },
  });
}
