/**
 * The access token, in this tab and as long as it: sessionStorage, so that a reload keeps it. Never in a URL, which is logged
 * and shared, nor in localStorage, which outlives the person at the screen.
 */
const KEY = "vectorgate:access-token";

export const storedToken = (): string => sessionStorage.getItem(KEY) ?? "";

export function keepToken(token: string): void {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}
