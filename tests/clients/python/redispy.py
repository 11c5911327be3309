"""The steps with the cluster client of redis-py, as Debian has it, with its defaults."""
import redis
from redis.cluster import RedisCluster
from redis.exceptions import NoPermissionError, ResponseError, WatchError

from steps import Steps, equal, eventually, refused

steps = Steps()
to, key = steps.to, steps.key

client = RedisCluster(host=to.host, port=to.port, ssl=True, ssl_ca_certs=to.ca, username=to.user, password=to.password)
assert client.ping()
equal("ACL WHOAMI", client.acl_whoami(target_nodes=RedisCluster.RANDOM), to.user)
steps.ok("connect")

binary = bytes(range(256))
assert client.set(key("s"), binary)
equal("GET", client.get(key("s")), binary)
equal("GET of a missing key", client.get(key("nothing")), None)
equal("SET NX", client.set(key("s"), "other", nx=True), None)
equal("APPEND", client.append(key("s"), "more"), 260)
equal("GETRANGE", client.getrange(key("s"), 255, 257), b"\xffmo")
assert client.mset({key("{m}a"): 1, key("{m}b"): 2})
equal("MGET", client.mget(key("{m}a"), key("{m}b"), key("{m}c")), [b"1", b"2", None])
equal("DEL", client.delete(key("{m}a")), 1)
steps.ok("strings")

equal("INCR", client.incr(key("n")), 1)
equal("INCRBY", client.incrby(key("n"), 41), 42)
equal("DECR", client.decr(key("n")), 41)
equal("INCRBYFLOAT", client.incrbyfloat(key("f"), 0.5), 0.5)
refused("INCR of a text", ResponseError, "value is not an integer", lambda: client.incr(key("s")))
steps.ok("counters")

assert client.set(key("short"), "v", px=100_000) and 0 < client.pttl(key("short")) <= 100_000
assert client.persist(key("short")) and client.ttl(key("short")) == -1
assert client.pexpire(key("short"), 50)
eventually("a key outlives its expiry", lambda: client.get(key("short")) is None)
steps.ok("expiry")

equal("HSET", client.hset(key("h"), mapping={"a": 1, "b": "two"}), 2)
equal("HINCRBY", client.hincrby(key("h"), "a", 6), 7)
equal("HGETALL", client.hgetall(key("h")), {b"a": b"7", b"b": b"two"})
equal("HDEL", client.hdel(key("h"), "a", "nothing"), 1)
refused("GET of a hash", ResponseError, "WRONGTYPE", lambda: client.get(key("h")))
steps.ok("hashes")

pipe = client.pipeline()
for i in range(40):
    pipe.set(key(f"p{i}"), i)
    pipe.incr(key(f"p{i}"))
equal("pipeline", pipe.execute(), [r for i in range(40) for r in (True, i + 1)])
steps.ok("pipeline")

# The cluster client of this version leaves transactions to the client of the node.
node = client.get_redis_connection(client.get_node_from_key(key("{tx}a")))
with node.pipeline(transaction=True) as tx:
    equal("transaction", tx.set(key("{tx}a"), 1).incrby(key("{tx}a"), 41).get(key("{tx}b")).execute(), [True, 42, None])
steps.ok("transaction")

with node.pipeline() as tx:
    tx.watch(key("{tx}a"))
    equal("GET while watched", tx.get(key("{tx}a")), b"42")
    client.set(key("{tx}a"), 7)
    tx.multi()
    tx.set(key("{tx}a"), 43)
    refused("EXEC after a change", WatchError, "Watched variable changed", tx.execute)
equal("GET after a conflict", client.get(key("{tx}a")), b"7")
steps.ok("watch")

refused("another's key", NoPermissionError, "", lambda: client.get("another's"))
refused("another's key in a pipeline", ResponseError, "", lambda: client.pipeline().set("another's", 1).execute())
refused("FLUSHALL", NoPermissionError, "", client.flushall)
steps.ok("permissions")

for i in range(60):
    client.set(key(f"scan:{i}"), i)
found = sorted(client.scan_iter(match=key("scan:*"), count=7))
equal("SCAN", found, sorted(key(f"scan:{i}").encode() for i in range(60)))
steps.ok("scan")

listener = client.pubsub()
listener.subscribe(key("news"))
eventually("SUBSCRIBE is confirmed", lambda: (listener.get_message(timeout=0.1) or {}).get("type") == "subscribe")
listener.psubscribe(key("n?ws"))
eventually("PSUBSCRIBE is confirmed", lambda: (listener.get_message(timeout=0.1) or {}).get("type") == "psubscribe")
for node in client.get_primaries():
    client.get_redis_connection(node).publish(key("news"), node.name)
    heard = []
    eventually("a message is heard twice", lambda: heard.append(listener.get_message(timeout=0.1)) or len(list(filter(None, heard))) == 2)
    equal("heard", sorted((m["type"], m["data"]) for m in heard if m), [("message", node.name.encode()), ("pmessage", node.name.encode())])
refused("another's channel", NoPermissionError, "", lambda: client.publish("another's", "v"))
listener.close()
steps.ok("pubsub")


def attempt(counter, fields, number):
    client.hset(fields, str(number), "v")
    client.incr(counter)


steps.write(attempt)
client.close()
print("redis-py", redis.__version__)
