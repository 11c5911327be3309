// Requests to the node that this page came from.

let authorization; // in memory only

export function logIn(user, password) {
  const raw = new TextEncoder().encode(`${user}:${password}`);
  authorization = `Basic ${btoa(String.fromCharCode(...raw))}`;
}

export function logOut() {
  authorization = undefined;
}

export class APIError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { ...(authorization && { Authorization: authorization }), ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    signal: AbortSignal.timeout(10000),
  });
  const answer = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw new APIError(response.status, answer.error);
  return answer;
}
