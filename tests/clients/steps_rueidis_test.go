package clients

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// rueidisSteps goes through the steps with the cluster client of rueidis, with its defaults: its cache is on.
type rueidisSteps struct {
	*steps
	ctx    context.Context
	client rueidis.Client
}

var (
	_ library = (*rueidisSteps)(nil)
	_ cacher  = (*rueidisSteps)(nil)
	_ sharder = (*rueidisSteps)(nil)
)

func runRueidis(ctx context.Context, s *steps) error {
	config, err := s.to.tls()
	if err != nil {
		return err
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.to.addr()}, Username: s.to.User, Password: s.to.Password, TLSConfig: config,
	})
	if err != nil {
		return err
	}
	defer client.Close()
	return s.run(ctx, &rueidisSteps{s, ctx, client})
}

func (r *rueidisSteps) do(command ...string) rueidis.RedisResult {
	return r.client.Do(r.ctx, r.build(r.client.B(), command))
}

// build makes a command whose second word is a key. The library wants to be told.
func (r *rueidisSteps) build(b rueidis.Builder, command []string) rueidis.Completed {
	if len(command) == 1 {
		return b.Arbitrary(command...).Build()
	}
	return b.Arbitrary(command[0]).Keys(command[1]).Args(command[2:]...).Build()
}

func (r *rueidisSteps) connect() {
	equal(r.steps, "PING", "PONG")(r.do("PING").ToString())
	equal(r.steps, "ACL WHOAMI", r.to.User)(r.client.Do(r.ctx, r.client.B().AclWhoami().Build()).ToString())
}

// caching reads a key twice, the second time from memory, until it is told that another has changed it.
func (r *rueidisSteps) caching() {
	key := r.key("cached")
	read := func() rueidis.RedisResult {
		return r.client.DoCache(r.ctx, r.client.B().Get().Key(key).Cache(), time.Minute)
	}
	equal(r.steps, "SET", "OK")(r.do("SET", key, "old").ToString())
	equal(r.steps, "first read", "old")(read().ToString())
	second := read()
	equal(r.steps, "second read", "old")(second.ToString())
	if !second.IsCacheHit() {
		r.wrong("the second read was not served by the cache")
	}
	equal(r.steps, "SET", "OK")(r.do("SET", key, "new").ToString())
	r.eventually("the cache forgets what was changed", func() bool {
		got, err := read().ToString()
		return err == nil && got == "new"
	})
}

func (r *rueidisSteps) strings() {
	var binary strings.Builder
	for b := range 256 {
		binary.WriteByte(byte(b))
	}
	equal(r.steps, "SET", "OK")(r.do("SET", r.key("s"), binary.String()).ToString())
	equal(r.steps, "GET", binary.String())(r.do("GET", r.key("s")).ToString())
	for what, reply := range map[string]rueidis.RedisResult{
		"GET of a missing key": r.do("GET", r.key("nothing")), "SET NX": r.do("SET", r.key("s"), "other", "NX"),
	} {
		if err := reply.Error(); !rueidis.IsRedisNil(err) {
			r.wrong("%s: %w", what, err)
		}
	}
	equal(r.steps, "APPEND", int64(260))(r.do("APPEND", r.key("s"), "more").AsInt64())
	equal(r.steps, "GETRANGE", "\xffmo")(r.do("GETRANGE", r.key("s"), "255", "257").ToString())
	a, b, c := r.key("{m}a"), r.key("{m}b"), r.key("{m}c")
	equal(r.steps, "MSET", "OK")(r.client.Do(r.ctx, r.client.B().Mset().KeyValue().KeyValue(a, "1").KeyValue(b, "2").Build()).ToString())
	equal(r.steps, "MGET", []string{"1", "2", ""})(r.client.Do(r.ctx, r.client.B().Mget().Key(a, b, c).Build()).AsStrSlice())
	equal(r.steps, "DEL", int64(1))(r.do("DEL", a).AsInt64())
}

func (r *rueidisSteps) counters() {
	equal(r.steps, "INCR", int64(1))(r.do("INCR", r.key("n")).AsInt64())
	equal(r.steps, "INCRBY", int64(42))(r.do("INCRBY", r.key("n"), "41").AsInt64())
	equal(r.steps, "DECR", int64(41))(r.do("DECR", r.key("n")).AsInt64())
	equal(r.steps, "INCRBYFLOAT", 0.5)(r.do("INCRBYFLOAT", r.key("f"), "0.5").AsFloat64())
	r.refused("INCR of a text", "value is not an integer", r.do("INCR", r.key("s")).Error())
}

func (r *rueidisSteps) expiry() {
	equal(r.steps, "SET PX", "OK")(r.do("SET", r.key("short"), "v", "PX", "100000").ToString())
	if ttl, err := r.do("PTTL", r.key("short")).AsInt64(); err != nil || ttl <= 0 || ttl > 100_000 {
		r.wrong("PTTL: %v, %w", ttl, err)
	}
	equal(r.steps, "PERSIST", int64(1))(r.do("PERSIST", r.key("short")).AsInt64())
	equal(r.steps, "TTL", int64(-1))(r.do("TTL", r.key("short")).AsInt64())
	equal(r.steps, "PEXPIRE", int64(1))(r.do("PEXPIRE", r.key("short"), "50").AsInt64())
	r.eventually("a key expires", func() bool { return rueidis.IsRedisNil(r.do("GET", r.key("short")).Error()) })
}

func (r *rueidisSteps) hashes() {
	equal(r.steps, "HSET", int64(2))(r.do("HSET", r.key("h"), "a", "1", "b", "two").AsInt64())
	equal(r.steps, "HINCRBY", int64(7))(r.do("HINCRBY", r.key("h"), "a", "6").AsInt64())
	equal(r.steps, "HGETALL", map[string]string{"a": "7", "b": "two"})(r.do("HGETALL", r.key("h")).AsStrMap())
	equal(r.steps, "HDEL", int64(1))(r.do("HDEL", r.key("h"), "a", "nothing").AsInt64())
	r.refused("GET of a hash", "WRONGTYPE", r.do("GET", r.key("h")).Error())
}

func (r *rueidisSteps) pipeline() {
	var commands rueidis.Commands
	for i := range 40 {
		key := r.key(fmt.Sprint("p", i))
		commands = append(commands, r.build(r.client.B(), []string{"SET", key, fmt.Sprint(i)}), r.build(r.client.B(), []string{"INCR", key}))
	}
	replies := r.client.DoMulti(r.ctx, commands...)
	for i := range 40 {
		equal(r.steps, fmt.Sprint("INCR of key ", i), int64(i+1))(replies[2*i+1].AsInt64())
	}
}

func (r *rueidisSteps) transaction() {
	err := r.client.Dedicated(func(tx rueidis.DedicatedClient) error {
		replies := tx.DoMulti(r.ctx,
			tx.B().Multi().Build(),
			r.build(tx.B(), []string{"SET", r.key("{tx}a"), "1"}),
			r.build(tx.B(), []string{"INCRBY", r.key("{tx}a"), "41"}),
			r.build(tx.B(), []string{"EXISTS", r.key("{tx}b")}),
			tx.B().Exec().Build(),
		)
		list, err := replies[4].ToArray()
		if err != nil || len(list) != 3 {
			return fmt.Errorf("EXEC: %v, %w", list, err)
		}
		equal(r.steps, "INCRBY in a transaction", int64(42))(list[1].AsInt64())
		equal(r.steps, "EXISTS in a transaction", int64(0))(list[2].AsInt64())
		return nil
	})
	if err != nil {
		r.wrong("transaction: %w", err)
	}
}

func (r *rueidisSteps) watch() {
	key := r.key("{tx}a")
	err := r.client.Dedicated(func(tx rueidis.DedicatedClient) error {
		equal(r.steps, "WATCH", "OK")(tx.Do(r.ctx, tx.B().Watch().Key(key).Build()).ToString())
		equal(r.steps, "GET while watched", "42")(tx.Do(r.ctx, tx.B().Get().Key(key).Build()).ToString())
		equal(r.steps, "SET by another", "OK")(r.do("SET", key, "7").ToString())
		replies := tx.DoMulti(r.ctx, tx.B().Multi().Build(), r.build(tx.B(), []string{"SET", key, "43"}), tx.B().Exec().Build())
		return replies[2].Error()
	})
	if !rueidis.IsRedisNil(err) {
		r.wrong("EXEC after a change: %w", err)
	}
	equal(r.steps, "GET after a conflict", "7")(r.do("GET", key).ToString())
}

func (r *rueidisSteps) permissions() {
	r.refused("another's key", "NOPERM", r.do("GET", "another's").Error())
	piped := r.client.DoMulti(r.ctx, r.build(r.client.B(), []string{"SET", "another's", "1"}), r.build(r.client.B(), []string{"GET", r.key("n")}))
	r.refused("another's key in a pipeline", "NOPERM", piped[0].Error())
	equal(r.steps, "one's own key in that pipeline", "41")(piped[1].ToString())
	r.refused("FLUSHALL", "NOPERM", r.client.Do(r.ctx, r.client.B().Flushall().Build()).Error())
}

func (r *rueidisSteps) scan() {
	var want []string
	for i := range 60 {
		want = append(want, r.key(fmt.Sprint("scan:", i)))
		equal(r.steps, "SET", "OK")(r.do("SET", want[i], fmt.Sprint(i)).ToString())
	}
	var found []string
	for addr, node := range r.client.Nodes() {
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			page, err := node.Do(r.ctx, node.B().Scan().Cursor(cursor).Match(r.key("scan:*")).Count(7).Build()).AsScanEntry()
			if err != nil {
				r.wrong("SCAN at %s: %w", addr, err)
				return
			}
			found, cursor = append(found, page.Elements...), page.Cursor
		}
	}
	slices.Sort(want)
	slices.Sort(found)
	equal(r.steps, "SCAN", want)(found, nil)
}

func (r *rueidisSteps) pubsub() {
	news := r.key("news")
	byName, endName := r.listen(r.client.B().Subscribe().Channel(news).Build())
	defer endName()
	byPattern, endPattern := r.listen(r.client.B().Psubscribe().Pattern(r.key("n?ws")).Build())
	defer endPattern()
	for from, node := range r.client.Nodes() {
		if err := node.Do(r.ctx, node.B().Publish().Channel(news).Message(from).Build()).Error(); err != nil {
			r.wrong("PUBLISH: %w", err)
		}
		r.hear(byName, from)
		r.hear(byPattern, from)
	}
	r.refused("another's channel", "NOPERM", r.client.Do(r.ctx, r.client.B().Publish().Channel("another's").Message("v").Build()).Error())
}

func (r *rueidisSteps) shardChannels() {
	heard, end := r.listen(r.client.B().Ssubscribe().Channel(r.key("shard news")).Build())
	defer end()
	publish := r.client.B().Spublish().Channel(r.key("shard news")).Message("v").Build()
	equal(r.steps, "SPUBLISH", int64(1))(r.client.Do(r.ctx, publish).AsInt64())
	r.hear(heard, "v")
}

// listen returns once a subscription is confirmed. What it hears comes from the channel.
func (r *rueidisSteps) listen(subscribe rueidis.Completed) (heard chan string, end func()) {
	ctx, cancel := context.WithCancel(r.ctx)
	heard = make(chan string, 100)
	confirmed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		listening := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { close(confirmed) })
		_ = r.client.Receive(listening, subscribe, func(m rueidis.PubSubMessage) { heard <- m.Message })
	}()
	select {
	case <-confirmed:
	case <-ended:
		r.wrong("%v ended", subscribe.Commands())
	case <-time.After(half):
		r.wrong("%v was not confirmed", subscribe.Commands())
	}
	return heard, func() {
		cancel()
		<-ended
	}
}

func (r *rueidisSteps) hear(heard <-chan string, want string) {
	select {
	case got := <-heard:
		equal(r.steps, "heard", want)(got, nil)
	case <-time.After(half):
		r.wrong("%q was not heard", want)
	}
}

func (r *rueidisSteps) attempt(counter, fields, field string) error {
	if err := r.do("HSET", fields, field, "v").Error(); err != nil {
		return err
	}
	return r.do("INCR", counter).Error()
}
