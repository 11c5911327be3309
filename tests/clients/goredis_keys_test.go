package clients

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// checkKeys uses the commands about keys and bits, each as the library sends it, and reads its replies.
func checkKeys(ctx context.Context, t *testing.T, client *redis.ClusterClient) {
	t.Helper()
	if n, err := client.SetBit(ctx, "{k}bits", 7, 1).Result(); n != 0 || err != nil {
		t.Errorf("SETBIT: %d, %v", n, err)
	}
	if n, err := client.BitCount(ctx, "{k}bits", &redis.BitCount{Start: 0, End: -1}).Result(); n != 1 || err != nil {
		t.Errorf("BITCOUNT: %d, %v", n, err)
	}
	if n, err := client.BitField(ctx, "{k}bits", "INCRBY", "u8", 0, 41, "GET", "u4", 4).Result(); fmt.Sprint(n) != "[42 10]" || err != nil {
		t.Errorf("BITFIELD: %v, %v", n, err)
	}
	if done, err := client.Copy(ctx, "{k}bits", "{k}copy", 0, true).Result(); done != 1 || err != nil {
		t.Errorf("COPY: %d, %v", done, err)
	}
	if err := client.Rename(ctx, "{k}copy", "{k}renamed").Err(); err != nil {
		t.Errorf("RENAME: %v", err)
	}
	dump, err := client.Dump(ctx, "{k}renamed").Result()
	if err != nil {
		t.Errorf("DUMP: %v", err)
	}
	if err := client.RestoreReplace(ctx, "{k}restored", 0, dump).Err(); err != nil || client.Get(ctx, "{k}restored").Val() != "*" {
		t.Errorf("RESTORE: %v", err)
	}
	checkScripts(ctx, t, client)
	checkScan(ctx, t, client)
}

// checkScripts releases locks as lock libraries do: by EVALSHA, and by EVAL at nodes that do not know the script.
func checkScripts(ctx context.Context, t *testing.T, client *redis.ClusterClient) {
	t.Helper()
	release := redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) else return 0 end`)
	for i := range 6 {
		key := fmt.Sprint("lock:", i)
		if err := client.Set(ctx, key, "mine", 0).Err(); err != nil {
			t.Errorf("SET: %v", err)
		}
		for _, step := range []struct {
			token string
			want  int
		}{{"theirs", 0}, {"mine", 1}, {"mine", 0}} {
			if got, err := release.Run(ctx, client, []string{key}, step.token).Int(); got != step.want || err != nil {
				t.Errorf("the release of %s by %q: got %d, %v", key, step.token, got, err)
			}
		}
	}
}

// checkScan goes through the keys of every node: each key is at one of them, and found.
func checkScan(ctx context.Context, t *testing.T, client *redis.ClusterClient) {
	t.Helper()
	var mu sync.Mutex // protects seen
	seen := map[string]int{}
	err := client.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		keys := node.ScanType(ctx, 0, "key:*", 7, "string").Iterator()
		for keys.Next(ctx) {
			mu.Lock()
			seen[keys.Val()]++
			mu.Unlock()
		}
		return keys.Err()
	})
	if err != nil || len(seen) != 100 {
		t.Errorf("SCAN at every node gives %d keys of 100, %v", len(seen), err)
	}
}
