// The steps with the cluster client of node-redis, with its defaults.
import { readFileSync } from 'node:fs';
import { createCluster, RESP_TYPES, WatchError } from 'redis';
import { equal, eventually, key, ok, range, refused, to, write } from './steps.mjs';

const client = createCluster({
  rootNodes: [{ url: `rediss://${to.host}:${to.port}` }],
  defaults: { username: to.user, password: to.password, socket: { tls: true, ca: readFileSync(to.ca) } },
});
client.on('error', () => {}); // of nodes that are down: what was asked fails by itself
await client.connect();

equal('PING', await client.sendCommand(undefined, true, ['PING']), 'PONG');
equal('ACL WHOAMI', await client.sendCommand(undefined, true, ['ACL', 'WHOAMI']), to.user);
ok('connect');

const binary = Buffer.from(range(256));
const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
equal('SET', await client.set(key('s'), binary), 'OK');
equal('GET', await bytes.get(key('s')), binary);
equal('GET of a missing key', await client.get(key('nothing')), null);
equal('SET NX', await client.set(key('s'), 'other', { condition: 'NX' }), null);
equal('APPEND', await client.append(key('s'), 'more'), 260);
equal('GETRANGE', await bytes.getRange(key('s'), 255, 257), Buffer.from('\xffmo', 'latin1'));
equal('MSET', await client.mSet([[key('{m}a'), '1'], [key('{m}b'), '2']]), 'OK');
equal('MGET', await client.mGet([key('{m}a'), key('{m}b'), key('{m}c')]), ['1', '2', null]);
equal('DEL', await client.del(key('{m}a')), 1);
ok('strings');

equal('INCR', await client.incr(key('n')), 1);
equal('INCRBY', await client.incrBy(key('n'), 41), 42);
equal('DECR', await client.decr(key('n')), 41);
equal('INCRBYFLOAT', await client.incrByFloat(key('f'), 0.5), '0.5');
await refused('INCR of a text', 'ERR value is not an integer', client.incr(key('s')));
ok('counters');

equal('SET PX', await client.set(key('short'), 'v', { expiration: { type: 'PX', value: 100_000 } }), 'OK');
const ttl = await client.pTTL(key('short'));
equal(`PTTL ${ttl}`, ttl > 0 && ttl <= 100_000, true);
equal('PERSIST', await client.persist(key('short')), 1);
equal('TTL', await client.ttl(key('short')), -1);
equal('PEXPIRE', await client.pExpire(key('short'), 50), 1);
await eventually('a key outlives its expiry', async () => (await client.get(key('short'))) === null);
ok('expiry');

equal('HSET', await client.hSet(key('h'), { a: 1, b: 'two' }), 2);
equal('HINCRBY', await client.hIncrBy(key('h'), 'a', 6), 7);
equal('HGETALL', { ...(await client.hGetAll(key('h'))) }, { a: '7', b: 'two' });
equal('HDEL', await client.hDel(key('h'), ['a', 'nothing']), 1);
await refused('GET of a hash', 'WRONGTYPE', client.get(key('h')));
ok('hashes');

// Commands that are not waited for go out as one pipeline for each node.
const replies = await Promise.all(range(40).flatMap((i) => [client.set(key(`p${i}`), `${i}`), client.incr(key(`p${i}`))]));
equal('pipeline', replies, range(40).flatMap((i) => ['OK', i + 1]));
ok('pipeline');

const tx = await client.multi().set(key('{tx}a'), '1').incrBy(key('{tx}a'), 41).get(key('{tx}b')).exec();
equal('transaction', tx, ['OK', 42, null]);
ok('transaction');

// WATCH belongs to a connection; the library has one for each node.
const watching = (await leader(key('{tx}a'))).duplicate();
watching.on('error', () => {});
await watching.connect();
equal('WATCH', await watching.watch(key('{tx}a')), 'OK');
equal('GET while watched', await watching.get(key('{tx}a')), '42');
equal('SET by another', await client.set(key('{tx}a'), '7'), 'OK');
try {
  equal('EXEC after a change', await watching.multi().set(key('{tx}a'), '43').exec(), 'a WatchError');
} catch (err) {
  if (!(err instanceof WatchError)) throw err;
}
equal('GET after a conflict', await client.get(key('{tx}a')), '7');
watching.destroy();
ok('watch');

await refused("another's key", 'NOPERM', client.get("another's"));
await refused('FLUSHALL', 'NOPERM', client.sendCommand(undefined, false, ['FLUSHALL']));
ok('permissions');

await Promise.all(range(60).map((i) => client.set(key(`scan:${i}`), `${i}`)));
const found = [];
for (const { client: connecting } of client.masters) {
  const node = await connecting;
  for await (const keys of node.scanIterator({ MATCH: key('scan:*'), COUNT: 7 })) found.push(...keys);
}
equal('SCAN', found.sort(), range(60).map((i) => key(`scan:${i}`)).sort());
ok('scan');

const heard = [];
await client.subscribe(key('news'), (message, channel) => heard.push(['message', channel, message]));
await client.pSubscribe(key('n?ws'), (message, channel) => heard.push(['pmessage', channel, message]));
for (const { address, client: connecting } of client.masters) {
  heard.length = 0;
  await (await connecting).publish(key('news'), address);
  await eventually('a message is heard twice', () => heard.length >= 2);
  equal('heard', heard.sort(), [['message', key('news'), address], ['pmessage', key('news'), address]]);
}
await refused("another's channel", 'NOPERM', client.publish("another's", 'v'));
await client.unsubscribe(key('news'));
await client.pUnsubscribe(key('n?ws'));
ok('pubsub');

heard.length = 0;
await client.sSubscribe(key('shard news'), (message, channel) => heard.push([channel, message]));
equal('SPUBLISH', await client.sPublish(key('shard news'), 'v'), 1);
await eventually('a message of the shard is heard', () => heard.length > 0);
equal('heard', heard, [[key('shard news'), 'v']]);
await client.sUnsubscribe(key('shard news'));
ok('shard channels');

await write(async (counter, fields, number) => {
  await client.hSet(fields, `${number}`, 'v');
  await client.incr(counter);
});
client.destroy();

// leader is the client of the node that serves a key.
async function leader(name) {
  const slot = Number(await client.sendCommand(undefined, true, ['CLUSTER', 'KEYSLOT', name]));
  return client.nodeClient(client.slots[slot].master);
}
