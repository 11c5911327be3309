"""How a program of steps talks with the test that runs it: see doc.go of tests/clients."""
import json
import queue
import sys
import threading
import time
import types


class Steps:
    """Reads what to connect to, and says of each step that it holds."""

    def __init__(self):
        self.to = types.SimpleNamespace(**json.loads(sys.stdin.readline()))
        self.orders = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in sys.stdin:
            self.orders.put(line.strip())
        self.orders.put("stop")

    def key(self, name):
        return self.to.prefix + name

    def ok(self, step):
        print("ok", step, flush=True)

    def write(self, attempt):
        """Calls attempt(counter, field) for one shard after the other until it is told to stop.

        Whatever attempt raises leaves open whether it was applied. "mark" is answered as soon as each shard has acknowledged a
        write that began later.
        """
        self.ok("writing")
        shards = [dict(shard, attempted=0, acknowledged=[]) for shard in self.to.shards]
        waiting = None
        while True:
            for shard in shards:
                shard["attempted"] += 1
                try:
                    attempt(shard["counter"], shard["fields"], shard["attempted"])
                except Exception as err:
                    shard["error"] = f"{type(err).__name__}: {err}"
                    continue
                shard["acknowledged"].append(shard["attempted"])
                if waiting is not None:
                    waiting.discard(shard["counter"])
            if waiting is not None and not waiting:
                print("marked", flush=True)
                waiting = None
            try:
                order = self.orders.get(timeout=0.01)
            except queue.Empty:
                continue
            if order == "stop":
                break
            waiting = {shard["counter"] for shard in shards}
        for shard in shards:
            print("wrote", json.dumps(shard), flush=True)


def equal(what, got, want):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def refused(what, error, prefix, call):
    """Checks that a call fails, how, and that its message begins as Redis' does."""
    try:
        got = call()
    except error as err:
        assert str(err).startswith(prefix), f"{what}: {err}"
        return
    raise AssertionError(f"{what}: got {got!r}, want an error")


def eventually(what, condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
