// Calls every part of Holt's gRPC API that clients need:   node client.mjs 127.0.0.1:6380
//
// The cluster behind the address has to be running; keys that begin with "grpcjs:" are used and deleted.
import { equal, ok, summary, test } from './check.mjs';
import { call, code, connect, deadline, errorDetail, refused } from './stubs.mjs';

const addr = process.argv[2];
if (!addr) {
  console.error('usage: node client.mjs ADDR');
  process.exit(2);
}
const { cache, topology, health, admin, close } = connect(addr);
const key = (name) => Buffer.from(`grpcjs:${name}`);
const text = (item) => (item ? item.value.toString() : null);

// Keys that this and an earlier run may have left.
const used = ['a', 'ttl', 'n', 'f', 'text', '{t}1', '{t}2', ...Array.from({ length: 300 }, (_, i) => `p${i}`)];
const clean = () => Promise.all(used.map((name) => call(cache, 'Delete', { key: key(name) })));

await test('health says that the node serves', async () => {
  equal((await call(health, 'Check', {})).status, 'SERVING', 'overall');
  equal((await call(health, 'Check', { service: 'holt.cache.v1.CacheService' })).status, 'SERVING', 'cache');
});

await test('keys of an earlier run can be deleted', clean);

await test('what was set is read, with version, ack and shard', async () => {
  const set = await call(cache, 'Set', { key: key('a'), value: Buffer.from('one') });
  ok(set.applied && BigInt(set.header.version) > 0n && BigInt(set.header.shardId) > 0n, 'set');
  equal(set.header.ackReached, 'ACK_MODE_MAJORITY', 'ack');
  for (const readMode of ['READ_MODE_UNSPECIFIED', 'READ_MODE_LEASE', 'READ_MODE_INDEX']) {
    const got = await call(cache, 'Get', { key: key('a'), options: { readMode } });
    equal([text(got.item), got.header.version, got.item.type], ['one', set.header.version, 'VALUE_TYPE_STRING'], readMode);
  }
  equal((await call(cache, 'Get', { key: key('nothing') })).item, null, 'missing key');
});

await test('conditions decide whether a set takes effect', async () => {
  const nx = await call(cache, 'Set', { key: key('a'), value: Buffer.from('two'), condition: 'KEY_CONDITION_ABSENT', returnPrevious: true });
  equal([nx.applied, text(nx.previous)], [false, 'one'], 'absent');
  const cas = await call(cache, 'Set', { key: key('a'), value: Buffer.from('two'), ifVersion: nx.header.version });
  ok(cas.applied, 'if_version of the present version');
  equal((await call(cache, 'Set', { key: key('a'), ifVersion: nx.header.version })).applied, false, 'if_version of the version before');
});

await test('expiry is set and taken away', async () => {
  await call(cache, 'Set', { key: key('ttl'), value: Buffer.from('v'), ttlMs: 3_600_000 });
  const at = Number((await call(cache, 'Get', { key: key('ttl') })).item.expireAtMs);
  ok(at > Date.now() && at < Date.now() + 7_200_000, `expiry ${at}`);
  ok((await call(cache, 'Expire', { key: key('ttl'), persist: true })).applied, 'persist');
  equal((await call(cache, 'Get', { key: key('ttl') })).item.expireAtMs, '0', 'after persist');
});

await test('increments add up', async () => {
  equal((await call(cache, 'Increment', { key: key('n'), intDelta: 5 })).intValue, '5', 'first');
  equal((await call(cache, 'Increment', { key: key('n'), intDelta: -7 })).intValue, '-2', 'second');
  await call(cache, 'Increment', { key: key('f'), floatDelta: 0.1 });
  equal((await call(cache, 'Increment', { key: key('f'), floatDelta: 0.2 })).floatValue, 0.3, 'float');
});

await test('an async write says how it was acknowledged', async () => {
  const got = await call(cache, 'Set', { key: key('a'), value: Buffer.from('async'), options: { ackMode: 'ACK_MODE_ASYNC' } });
  ok(['ACK_MODE_ASYNC', 'ACK_MODE_MAJORITY'].includes(got.header.ackReached), got.header.ackReached);
});

await test('delete returns what was there', async () => {
  const first = await call(cache, 'Delete', { key: key('a'), returnPrevious: true });
  equal([first.deleted, text(first.previous), first.header.version], [true, 'async', '0'], 'first');
  equal((await call(cache, 'Delete', { key: key('a') })).deleted, false, 'second');
});

await test('a batch does its operations as one', async () => {
  const got = await call(cache, 'Batch', {
    ops: [
      { set: { key: key('{t}1'), value: Buffer.from('1') } },
      { increment: { key: key('{t}1'), intDelta: 2 } },
      { set: { key: key('{t}2'), value: Buffer.from('x') } },
      { increment: { key: key('{t}2'), intDelta: 2 } },
      { get: { key: key('{t}1') } },
    ],
  });
  equal(got.results.map((r) => r.result), ['set', 'increment', 'set', 'error', 'get'], 'kinds');
  equal([got.results[3].error.code, got.results[3].error.detail.outcome], [code.INVALID_ARGUMENT, 'OUTCOME_NOT_APPLIED'], 'failure');
  equal(text(got.results[4].get.item), '3', 'get');
});

await test('errors say whether the write was applied', async () => {
  await call(cache, 'Set', { key: key('text'), value: Buffer.from('x') });
  for (const [method, request, want] of [
    ['Increment', { key: key('text'), intDelta: 1 }, { code: code.INVALID_ARGUMENT, kind: 'invalid' }],
    ['Get', {}, { code: code.INVALID_ARGUMENT, kind: 'invalid' }],
    ['Set', { key: key('text'), options: { requestId: Buffer.from('1') } }, { code: code.INVALID_ARGUMENT, kind: 'invalid' }],
    ['Batch', { ops: [{ get: { key: Buffer.from('a') } }, { get: { key: Buffer.from('b') } }] }, { code: code.INVALID_ARGUMENT, kind: 'cross-slot' }],
  ]) {
    const err = await refused(cache, method, request);
    const detail = errorDetail(err);
    equal([err.code, detail.kind, detail.outcome], [want.code, want.kind, 'OUTCOME_NOT_APPLIED'], method);
  }
});

await test('a pipeline answers every call once', async () => {
  const stream = cache.Pipeline(deadline(10_000));
  const want = 300;
  const answered = new Map();
  const done = new Promise((resolve, reject) => {
    stream.on('data', ({ replies }) => {
      for (const reply of replies) {
        if (answered.has(reply.id)) reject(new Error(`call ${reply.id} was answered twice`));
        answered.set(reply.id, reply);
      }
    });
    stream.on('end', resolve);
    stream.on('error', reject);
  });
  for (let id = 0; id < want; id += 10) {
    const calls = Array.from({ length: 10 }, (_, i) => ({ id: id + i, set: { key: key(`p${id + i}`), value: Buffer.from(`${id + i}`) } }));
    stream.write({ calls });
  }
  stream.write({ calls: [{ id: want, get: {} }] });
  stream.end();
  await done;
  equal(answered.size, want + 1, 'replies');
  for (let id = 0; id < want; id++) ok(answered.get(`${id}`)?.set?.applied, `call ${id}: ${JSON.stringify(answered.get(`${id}`))}`);
  equal(answered.get(`${want}`).error.detail.kind, 'invalid', 'the call without key');
  equal(text((await call(cache, 'Get', { key: key('p299') })).item), '299', 'read back');
});

await test('the slot map covers every slot and names leaders', async () => {
  const { slotMap } = await call(topology, 'GetSlotMap');
  const slots = slotMap.shards.flatMap((s) => s.slots).reduce((sum, r) => sum + r.last - r.first + 1, 0);
  equal(slots, 16384, 'slots');
  for (const shard of slotMap.shards) {
    ok(slotMap.nodes.some((n) => n.id === shard.leaderNodeId), `leader of shard ${shard.id}`);
  }
  const watch = topology.WatchSlotMap({}, deadline());
  const first = await new Promise((resolve, reject) => {
    watch.once('data', resolve);
    watch.on('error', reject);
  });
  ok(BigInt(first.slotMap.epoch) >= BigInt(slotMap.epoch), 'epoch of the watch');
  watch.on('error', () => {}); // the cancellation
  watch.cancel();
});

await test('the admin service answers', async () => {
  ok((await call(admin, 'GetClusterStatus')).nodeId.length === 40, 'node id');
});

await test('what was used is deleted', clean);

close();
process.exitCode = summary();
