// The steps with the cluster client of ioredis, with its defaults.
import { readFileSync } from 'node:fs';
import { Cluster } from 'ioredis';
import { equal, eventually, key, ok, range, refused, to, write } from './steps.mjs';

const client = new Cluster([{ host: to.host, port: to.port }], {
  redisOptions: { username: to.user, password: to.password, tls: { ca: readFileSync(to.ca) } },
});
client.on('error', () => {}); // of nodes that are down: what was asked fails by itself

equal('PING', await client.ping(), 'PONG');
equal('ACL WHOAMI', await client.acl('WHOAMI'), to.user);
ok('connect');

const binary = Buffer.from(range(256));
equal('SET', await client.set(key('s'), binary), 'OK');
equal('GET', await client.getBuffer(key('s')), binary);
equal('GET of a missing key', await client.get(key('nothing')), null);
equal('SET NX', await client.set(key('s'), 'other', 'NX'), null);
equal('APPEND', await client.append(key('s'), 'more'), 260);
equal('GETRANGE', await client.getrangeBuffer(key('s'), 255, 257), Buffer.from('\xffmo', 'latin1'));
equal('MSET', await client.mset(key('{m}a'), 1, key('{m}b'), 2), 'OK');
equal('MGET', await client.mget(key('{m}a'), key('{m}b'), key('{m}c')), ['1', '2', null]);
equal('DEL', await client.del(key('{m}a')), 1);
ok('strings');

equal('INCR', await client.incr(key('n')), 1);
equal('INCRBY', await client.incrby(key('n'), 41), 42);
equal('DECR', await client.decr(key('n')), 41);
equal('INCRBYFLOAT', await client.incrbyfloat(key('f'), 0.5), '0.5');
await refused('INCR of a text', 'ERR value is not an integer', client.incr(key('s')));
ok('counters');

equal('SET PX', await client.set(key('short'), 'v', 'PX', 100_000), 'OK');
const ttl = await client.pttl(key('short'));
equal(`PTTL ${ttl}`, ttl > 0 && ttl <= 100_000, true);
equal('PERSIST', await client.persist(key('short')), 1);
equal('TTL', await client.ttl(key('short')), -1);
equal('PEXPIRE', await client.pexpire(key('short'), 50), 1);
await eventually('a key outlives its expiry', async () => (await client.get(key('short'))) === null);
ok('expiry');

equal('HSET', await client.hset(key('h'), { a: 1, b: 'two' }), 2);
equal('HINCRBY', await client.hincrby(key('h'), 'a', 6), 7);
equal('HGETALL', { ...(await client.hgetall(key('h'))) }, { a: '7', b: 'two' });
equal('HDEL', await client.hdel(key('h'), 'a', 'nothing'), 1);
await refused('GET of a hash', 'WRONGTYPE', client.get(key('h')));
ok('hashes');

// The library sends a pipeline to one node: many slots are as many pipelines, or commands that are not waited for.
const replies = await Promise.all(range(40).flatMap((i) => [client.set(key(`p${i}`), i), client.incr(key(`p${i}`))]));
equal('commands at once', replies, range(40).flatMap((i) => ['OK', i + 1]));
const piped = await client.pipeline().set(key('{p}a'), 1).incr(key('{p}a')).incr(key('{p}b')).exec();
equal('pipeline', piped, [[null, 'OK'], [null, 2], [null, 1]]);
ok('pipeline');

const tx = await client.multi().set(key('{tx}a'), 1).incrby(key('{tx}a'), 41).get(key('{tx}b')).exec();
equal('transaction', tx, [[null, 'OK'], [null, 42], [null, null]]);
ok('transaction');

// WATCH belongs to a connection; the library has one for each node.
const watching = await leader(key('{tx}a'));
equal('WATCH', await watching.watch(key('{tx}a')), 'OK');
equal('GET while watched', await watching.get(key('{tx}a')), '42');
equal('SET by another', await client.set(key('{tx}a'), 7), 'OK');
equal('EXEC after a change', await watching.multi().set(key('{tx}a'), 43).exec(), null);
equal('GET after a conflict', await client.get(key('{tx}a')), '7');
watching.disconnect();
ok('watch');

await refused("another's key", 'NOPERM', client.get("another's"));
equal("another's key in a pipeline", `${(await client.pipeline().set("another's", 1).exec())[0][0].message}`.slice(0, 6), 'NOPERM');
await refused('FLUSHALL', 'NOPERM', client.flushall());
ok('permissions');

await Promise.all(range(60).map((i) => client.set(key(`scan:${i}`), i)));
const found = [];
for (const node of client.nodes('master')) {
  for await (const keys of node.scanStream({ match: key('scan:*'), count: 7 })) found.push(...keys);
}
equal('SCAN', found.sort(), range(60).map((i) => key(`scan:${i}`)).sort());
ok('scan');

const heard = [];
const listener = client.duplicate();
listener.on('error', () => {});
listener.on('message', (channel, message) => heard.push(['message', channel, message]));
listener.on('pmessage', (_, channel, message) => heard.push(['pmessage', channel, message]));
equal('SUBSCRIBE', await listener.subscribe(key('news')), 1);
equal('PSUBSCRIBE', await listener.psubscribe(key('n?ws')), 2);
for (const node of client.nodes('master')) {
  const message = `from ${node.options.port}`;
  heard.length = 0;
  await node.publish(key('news'), message);
  await eventually('a message is heard twice', () => heard.length >= 2);
  equal('heard', heard.sort(), [['message', key('news'), message], ['pmessage', key('news'), message]]);
}
await refused("another's channel", 'NOPERM', client.publish("another's", 'v'));
listener.disconnect();
ok('pubsub');

await write(async (counter, fields, number) => {
  await client.hset(fields, number, 'v');
  await client.incr(counter);
});
client.disconnect();

// leader is a connection of its own to the node that serves a key: the one that takes it.
async function leader(name) {
  for (const node of client.nodes('master')) {
    const own = node.duplicate();
    try {
      await own.get(name);
      return own;
    } catch {
      own.disconnect();
    }
  }
  throw new Error(`no node takes ${name}`);
}
