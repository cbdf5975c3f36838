/** What the server says of itself to anyone: the region and account that signatures and ARNs need. */
export interface Settings {
  Region: string;
  AccountId: string;
  Version: string;
  /** Whether it makes pictures (GetImages). */
  Images: boolean;
}

export async function fetchSettings(): Promise<Settings> {
  const answer = await fetch("/console/settings.json");
  if (!answer.ok) throw new Error(`the server answered ${answer.status} when asked for its settings`);
  return (await answer.json()) as Settings;
}
