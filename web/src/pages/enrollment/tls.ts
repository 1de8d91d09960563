/* The TLS certificate that devices meet. */
export interface Tls {
  public_url: string;
  source: 'own' | 'files' | 'off';
  certificate: { public: boolean } | null;
}

/* Its root is one that devices must be given. */
export const ownCa = (tls: Tls | undefined): boolean => tls !== undefined && tls.source === 'own' && tls.certificate?.public === false;
