// Counts what held and what did not.
import { isDeepStrictEqual } from 'node:util';

let passed = 0;
let failed = 0;

// test runs one named test and goes on after its failure.
export async function test(name, body) {
  try {
    await body();
    passed++;
  } catch (err) {
    failed++;
    console.error(`FAILED ${name}: ${err?.stack ?? err}`);
  }
}

export function equal(got, want, what) {
  if (!isDeepStrictEqual(got, want)) {
    throw new Error(`${what}: got ${show(got)}, want ${show(want)}`);
  }
}

export function ok(holds, what) {
  if (!holds) throw new Error(what);
}

// summary prints the counts and returns the exit code. Nothing passed is a failure too.
export function summary() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function show(value) {
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}` : v));
}
