/** The product's name, and the access token: who it is of, as the gateway says it. */
import { type FormEvent, useEffect, useState } from "react";

import { post } from "./connection";

const WHO = "query Who { viewer { subject tokenName organization { name } } }";

interface Who {
  viewer?: { subject: string; tokenName: string | null; organization: { name: string } };
}

type Standing = { state: "none" | "asking" } | { state: "in" | "out"; told: string };

export function Header({ token, onToken }: { token: string; onToken: (token: string) => void }) {
  const standing = useStanding(token);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onToken(String(new FormData(event.currentTarget).get("token") ?? "").trim());
  };
  return (
    <header className="bar">
      <Mark />
      <h1>Vectorgate</h1>
      <span>GraphiQL</span>
      <output className={standing.state}>{"told" in standing ? standing.told : HINTS[standing.state]}</output>
      <form key={token} onSubmit={submit}>
        <label htmlFor="token">Access token</label>
        <input id="token" name="token" type="password" defaultValue={token} placeholder="vg_…" autoComplete="off" spellCheck={false} />
        <button type="submit">Use</button>
        {token && (
          <button type="button" onClick={() => onToken("")}>
            Forget
          </button>
        )}
      </form>
    </header>
  );
}

const HINTS = {
  none: "Nothing is answered without an access token; “vectorgate token create” makes one.",
  asking: "…",
} as const;

function useStanding(token: string): Standing {
  const [standing, setStanding] = useState<Standing>({ state: "none" });
  useEffect(() => {
    if (!token) return setStanding({ state: "none" });
    let current = true;
    setStanding({ state: "asking" });
    void post({ query: WHO }, { authorization: `Bearer ${token}` }).then((answer) => {
      if (current) setStanding(standingOf(answer));
    });
    return () => {
      current = false;
    };
  }, [token]);
  return standing;
}

function standingOf(answer: Record<string, unknown>): Standing {
  const viewer = (answer.data as Who | undefined)?.viewer;
  if (viewer) return { state: "in", told: `${viewer.tokenName ?? viewer.subject} · ${viewer.organization.name}` };
  const [error] = (answer.errors ?? []) as { message: string }[];
  return { state: "out", told: error?.message ?? "The gateway does not know this token." };
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#4f46e5" />
      <path d="M7 8l9 16 9-16" fill="none" stroke="#fff" strokeWidth="3.4" strokeLinecap="round" strokeLinejoin="round" />
      <circle cx="16" cy="10" r="2.8" fill="#a5f3c4" />
    </svg>
  );
}
