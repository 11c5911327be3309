// How a program of steps talks with the test that runs it: see doc.go of tests/clients.
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// to is what to connect to.
export const to = JSON.parse((await lines.next()).value);
export const key = (name) => to.prefix + name;
export const ok = (step) => console.log('ok', step);

// attemptMax bounds an attempt: a client may hold a command back until its node is back.
const attemptMax = 10_000;

// write calls attempt(counter, fields, number) for one shard after the other until it is told to stop. Whatever attempt throws
// leaves open whether it was applied. "mark" is answered as soon as each shard has acknowledged a write that began later.
export async function write(attempt) {
  ok('writing');
  const shards = to.shards.map((shard) => ({ ...shard, attempted: 0, acknowledged: [] }));
  let waiting = null;
  let stopped = false;
  const orders = (async () => {
    for await (const order of lines) {
      if (order === 'stop') break;
      waiting = new Set(shards);
    }
    stopped = true;
  })();
  while (!stopped) {
    const asked = waiting;
    for (const shard of shards) {
      const number = ++shard.attempted;
      try {
        await withDeadline(attempt(shard.counter, shard.fields, number));
      } catch (err) {
        shard.error = `${err}`;
        continue;
      }
      shard.acknowledged.push(number);
      asked?.delete(shard);
    }
    if (asked?.size === 0) {
      console.log('marked');
      waiting = null;
    }
    await wait(10);
  }
  await orders;
  process.stdin.destroy(); // else it keeps the program from ending
  for (const shard of shards) console.log('wrote', JSON.stringify(shard));
}

async function withDeadline(promise) {
  const timer = new AbortController();
  try {
    return await Promise.race([
      promise,
      wait(attemptMax, null, { signal: timer.signal }).then(() => Promise.reject(new Error('no answer'))),
    ]);
  } finally {
    timer.abort();
  }
}

export function equal(what, got, want) {
  if (!isDeepStrictEqual(got, want)) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

// refused checks that a promise fails with a message that begins as Redis' does.
export async function refused(what, prefix, promise) {
  let got;
  try {
    got = await promise;
  } catch (err) {
    if (!`${err.message}`.startsWith(prefix)) throw new Error(`${what}: ${err}`, { cause: err });
    return;
  }
  throw new Error(`${what}: got ${JSON.stringify(got)}, want an error`);
}

export async function eventually(what, condition) {
  for (const end = Date.now() + 30_000; !(await condition()); await wait(20)) {
    if (Date.now() > end) throw new Error(what);
  }
}

export const range = (n) => Array.from({ length: n }, (_, i) => i);
