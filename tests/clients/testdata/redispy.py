"""Uses the cluster client of redis-py with its defaults:   redispy.py PORT"""
import sys

import redis
from redis.cluster import RedisCluster
from redis.exceptions import LockError
from redis.lock import Lock

client = RedisCluster(host="127.0.0.1", port=int(sys.argv[1]))
for i in range(100):
    assert client.set(f"key:{i}", f"value {i}"), i
for i in range(100):
    assert client.get(f"key:{i}") == f"value {i}".encode(), i
assert client.incr("counter") == 1 and client.incrby("counter", 41) == 42
assert client.set("short", "v", px=100_000) and 0 < client.pttl("short") <= 100_000
assert client.mset({"{t}a": 1, "{t}b": 2}) and client.mget("{t}a", "{t}b", "{t}c") == [b"1", b"2", None]
pipe = client.pipeline()
for i in range(20):
    pipe.incr(f"pipelined:{i}")
assert pipe.execute() == [1] * 20
assert client.delete("counter") == 1 and client.get("counter") is None
try:
    client.incr("key:1")
    sys.exit("INCR of a text succeeded")
except redis.ResponseError as err:
    assert "not an integer" in str(err), err
# Locks are released by script, at whichever node leads the slot.
for i in range(6):
    lock, other = Lock(client, f"lock:{i}", timeout=100), Lock(client, f"lock:{i}", timeout=100)
    assert lock.acquire(blocking=False) and not other.acquire(blocking=False), i
    assert lock.extend(100) and lock.reacquire(), i
    assert 90_000 < client.pttl(f"lock:{i}") <= 100_000, i
    other.local.token = b"another"
    try:
        other.release()
        sys.exit("a lock was released by somebody who does not hold it")
    except LockError:
        pass
    lock.release()
    assert client.get(f"lock:{i}") is None, i
add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1]) + 1")
assert [add(keys=[f"added:{i}"], args=[i]) for i in range(6)] == [1, 2, 3, 4, 5, 6]
print("redis-py", redis.__version__, "works")
