"""Uses the plain client of redis-py with its defaults:   redispy_plain.py PORT"""
import sys

import redis

client = redis.Redis(port=int(sys.argv[1]))
client.flushall()
assert client.dbsize() == 0 and client.randomkey() is None
assert client.mset({f"plain:{i}": i for i in range(100)})
assert client.mget("plain:7", "nothing", "plain:42") == [b"7", None, b"42"]
want = {f"plain:{i}".encode() for i in range(100)}
assert set(client.scan_iter("plain:*", count=7)) == want
assert set(client.keys("plain:*")) == want and client.randomkey() in want
assert client.dbsize() == 100
with client.pipeline(transaction=False) as pipe:
    for i in range(20):
        pipe.incr(f"plain:{i}")
    assert pipe.execute() == [i + 1 for i in range(20)]
with client.pipeline() as pipe:  # MULTI and EXEC, of one slot
    assert pipe.set("{t}a", 1).incr("{t}a").get("{t}a").execute() == [True, 2, b"2"]
assert client.delete("plain:0", "plain:1", "nothing") == 2
assert client.hset("h", mapping={"a": 1, "b": 2}) == 2 and dict(client.hscan_iter("h")) == {b"a": b"1", b"b": b"2"}
client.flushdb()
assert list(client.scan_iter()) == []
print("redis-py", redis.__version__, "works through a gateway")
