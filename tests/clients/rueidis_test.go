package clients

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/holtcache/holt/tests/cluster"
)

func TestRueidisWorksWithItsDefaults(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: cluster.Calm})
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: c.RESP()[:1]})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	do := func(command rueidis.Completed) rueidis.RedisResult { return client.Do(ctx, command) }

	var sets, gets rueidis.Commands
	for i := range 100 {
		key := fmt.Sprint("key:", i)
		sets = append(sets, client.B().Set().Key(key).Value(fmt.Sprint(i)).Build())
		gets = append(gets, client.B().Get().Key(key).Build())
	}
	for _, reply := range client.DoMulti(ctx, sets...) {
		if err := reply.Error(); err != nil {
			t.Fatal(err)
		}
	}
	for i, reply := range client.DoMulti(ctx, gets...) {
		if got, err := reply.ToString(); got != fmt.Sprint(i) || err != nil {
			t.Errorf("key %d: got %q, %v", i, got, err)
		}
	}
	if err := do(client.B().Get().Key("nothing").Build()).Error(); !rueidis.IsRedisNil(err) {
		t.Errorf("missing key: %v", err)
	}
	if err := do(client.B().Set().Key("short").Value("v").Ex(time.Hour).Build()).Error(); err != nil {
		t.Error(err)
	}
	if ttl, err := do(client.B().Ttl().Key("short").Build()).AsInt64(); ttl <= 0 || ttl > 3600 || err != nil {
		t.Errorf("TTL: %d, %v", ttl, err)
	}
	if err := do(client.B().Mset().KeyValue().KeyValue("{m}a", "1").KeyValue("{m}b", "2").Build()).Error(); err != nil {
		t.Error(err)
	}
	if got, err := rueidis.MGet(client, ctx, []string{"{m}a", "{m}b", "key:7"}); err != nil || len(got) != 3 {
		t.Errorf("MGET over slots: %v, %v", got, err)
	}

	err = client.Dedicated(func(tx rueidis.DedicatedClient) error {
		replies := tx.DoMulti(ctx,
			tx.B().Multi().Build(),
			tx.B().Set().Key("{tx}a").Value("1").Build(),
			tx.B().Incrby().Key("{tx}a").Increment(41).Build(),
			tx.B().Exec().Build(),
		)
		list, err := replies[3].ToArray()
		if err != nil {
			return err
		}
		if n, err := list[1].AsInt64(); n != 42 || err != nil {
			return fmt.Errorf("INCRBY in a transaction: %d, %w", n, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
