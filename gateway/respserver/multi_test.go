package respserver

import (
	"fmt"
	"strings"
	"testing"
)

func TestTransactionsAnswerAsRedisDoes(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 1})
	here, moved := "{"+keyIn(f, 0)+"}", "{"+keyIn(f, 1)+"}"
	for _, tc := range []struct {
		name  string
		pairs []string
	}{
		{"commands run in order", []string{
			"MULTI", "+OK", "SET # 1", "+QUEUED", "INCR #", "+QUEUED", "GET #", "+QUEUED", "EXEC", "[+OK :2 2]", "GET #", "2"}},
		{"empty", []string{"MULTI", "+OK", "EXEC", "[]"}},
		{"discard", []string{"SET # 1", "+OK", "MULTI", "+OK", "SET # 2", "+QUEUED", "DISCARD", "+OK", "GET #", "1"}},
		{"outside", []string{"EXEC", "-ERR EXEC without MULTI", "DISCARD", "-ERR DISCARD without MULTI"}},
		{"nested", []string{"MULTI", "+OK", "MULTI", "-ERR MULTI calls can not be nested", "SET # 3", "+QUEUED", "EXEC", "[+OK]"}},
		{"unknown command spoils", []string{
			"SET # 1", "+OK", "MULTI", "+OK", "SET # 2", "+QUEUED", "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: ",
			"EXEC", "-EXECABORT Transaction discarded because of previous errors.", "GET #", "1"}},
		{"wrong arity spoils", []string{
			"MULTI", "+OK", "GET", "-ERR wrong number of arguments for 'get' command", "EXEC", "-EXECABORT Transaction discarded because of previous errors."}},
		{"error at run time keeps the others", []string{
			"SET # x", "+OK", "MULTI", "+OK", "INCR #", "+QUEUED", "SET # 5 EX nan", "+QUEUED", "SET # 7", "+QUEUED",
			"EXEC", "[-ERR value is not an integer or out of range -ERR value is not an integer or out of range +OK]", "GET #", "7"}},
		{"slots differ", []string{
			"MULTI", "+OK", "SET # 1", "+QUEUED", "SET other 1", "-CROSSSLOT Keys in request don't hash to the same slot",
			"EXEC", "-EXECABORT Transaction discarded because of previous errors."}},
		{"led elsewhere", []string{
			"MULTI", "+OK", "SET @ 1", "-MOVED %", "EXEC", "-EXECABORT Transaction discarded because of previous errors."}},
		{"connection commands run at EXEC", []string{
			"MULTI", "+OK", "PING", "+QUEUED", "SET # 9", "+QUEUED", "ECHO x", "+QUEUED", "WAIT 5 0", "+QUEUED", "EXEC", "[+PONG +OK x :0]"}},
		{"connection commands alone", []string{"MULTI", "+OK", "PING", "+QUEUED", "EXEC", "[+PONG]"}},
		{"FLUSHALL", []string{"MULTI", "+OK", "FLUSHALL", "-ERR Command not allowed inside a transaction", "EXEC", "-EXECABORT Transaction discarded because of previous errors."}},
		{"watch inside", []string{"MULTI", "+OK", "WATCH #", "-ERR WATCH inside MULTI is not allowed", "EXEC", "[]"}},
		{"watch unchanged", []string{"SET # 1", "+OK", "WATCH #", "+OK", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "[:2]"}},
		{"watch changed by oneself", []string{"WATCH #", "+OK", "SET # 1", "+OK", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "(nil)", "GET #", "1"}},
		{"EXEC forgets what is watched", []string{
			"WATCH #", "+OK", "SET # 1", "+OK", "MULTI", "+OK", "EXEC", "(nil)", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "[:2]"}},
		{"UNWATCH", []string{"WATCH #", "+OK", "SET # 1", "+OK", "UNWATCH", "+OK", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "[:2]"}},
		{"DISCARD forgets what is watched", []string{
			"WATCH #", "+OK", "SET # 1", "+OK", "MULTI", "+OK", "DISCARD", "+OK", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "[:2]"}},
		{"watched key deleted and made again", []string{
			"SET # 1", "+OK", "WATCH #", "+OK", "DEL #", ":1", "SET # 1", "+OK", "MULTI", "+OK", "GET #", "+QUEUED", "EXEC", "(nil)"}},
		{"watched key missing before and after, but there between", []string{
			"WATCH #", "+OK", "SET # 1", "+OK", "DEL #", ":1", "MULTI", "+OK", "GET #", "+QUEUED", "EXEC", "(nil)"}},
		{"watched key missing all the time", []string{
			"WATCH #", "+OK", "MULTI", "+OK", "GET #", "+QUEUED", "EXEC", "[(nil)]"}},
		{"watched key missing before and after, emptied with its slot between", []string{
			"WATCH #", "+OK", "SET # 1", "+OK", "FLUSHALL", "+OK", "MULTI", "+OK", "GET #", "+QUEUED", "EXEC", "(nil)"}},
		{"FLUSHALL of a missing watched key", []string{"DEL #", ":0", "WATCH #", "+OK", "FLUSHALL", "+OK", "MULTI", "+OK", "PING", "+QUEUED", "EXEC", "[+PONG]"}},
		{"FLUSHALL of a watched key", []string{"SET # 1", "+OK", "WATCH #", "+OK", "FLUSHALL", "+OK", "MULTI", "+OK", "PING", "+QUEUED", "EXEC", "(nil)"}},
		{"watched slot and transaction's differ", []string{
			"WATCH #", "+OK", "MULTI", "+OK", "GET other", "-CROSSSLOT Keys in request don't hash to the same slot", "DISCARD", "+OK"}},
		{"RESET ends it", []string{"MULTI", "+OK", "SET # 2", "+QUEUED", "RESET", "+RESET", "EXEC", "-ERR EXEC without MULTI"}},
		{"two in one pipeline", []string{
			"DEL #", ":0", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "[:1]", "MULTI", "+OK", "INCR #", "+QUEUED", "EXEC", "[:2]", "GET #", "2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := f.dial()
			c.t = t
			movedTo := ""
			for i, text := range tc.pairs {
				text = strings.ReplaceAll(text, "#", here)
				text = strings.ReplaceAll(text, "@", moved)
				if text == "-MOVED %" {
					s, _ := slotOf([][]byte{[]byte(moved)})
					movedTo = "-" + f.movedText(s)
					text = movedTo
				}
				tc.pairs[i] = text
			}
			c.want(tc.pairs...)
			c.want("DEL "+here, c.do("EXISTS "+here))
		})
	}
}

// WATCH takes its mark from what is pending, and is answered when that is committed: nobody changed the key between.
func TestWatchSeesWritesOfOthersThatAreNotCommittedYet(t *testing.T) {
	f := start(t, fixtureConfig{})
	writer, watcher, exec := f.dial(), f.dial(), f.replicas[0].exec
	writer.want("SET k 1", "+OK")
	before := exec.Stats()
	f.replicas[0].log.gate.Lock()
	writer.send("SET k 2")
	eventually(t, "the write is evaluated", func() bool { return exec.Stats().Batches > before.Batches })
	watcher.send("WATCH k")
	answers := make(chan string, 1)
	go func() {
		v, err := watcher.in.Read()
		answers <- fmt.Sprint(show(v), " ", err)
	}()
	eventually(t, "WATCH waits for the commit", func() bool {
		if len(answers) > 0 {
			f.replicas[0].log.gate.Unlock()
			t.Fatalf("WATCH was answered before what it saw was committed: %s", <-answers)
		}
		return exec.Stats().Held > before.Held
	})
	f.replicas[0].log.gate.Unlock()
	if got := <-answers + writer.recv(); got != "+OK <nil>+OK" {
		t.Fatalf("got %q", got)
	}
	watcher.want("GET k", "2", "MULTI", "+OK", "SET k 3", "+QUEUED", "EXEC", "[+OK]")
}

// What another leader did meanwhile is not counted here, so a missing key is taken for changed.
func TestWatchOfAMissingKeyDoesNotOutliveTheLeadership(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, r := f.dial(), f.replicas[0]
	c.want("WATCH k", "+OK")
	r.lead(false)
	eventually(t, "the replica has stopped serving", func() bool { _, serving := r.exec.Serving(); return !serving })
	r.lead(true)
	r.awaitServing(t)
	c.want("MULTI", "+OK", "SET k 1", "+QUEUED", "EXEC", "(nil)", "MULTI", "+OK", "SET k 1", "+QUEUED", "EXEC", "[+OK]")
}

func TestTransactionLimitsAtTheEdge(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{TransactionCommandsMax: 3, TransactionBytesMax: 40, WatchedKeysMax: 2}})
	full := "-ERR a transaction may hold 3 commands of 40 bytes in all"
	aborted := "-EXECABORT Transaction discarded because of previous errors."
	f.dial().want("MULTI", "+OK", "INCR a", "+QUEUED", "INCR a", "+QUEUED", "INCR a", "+QUEUED", "EXEC", "[:1 :2 :3]",
		"MULTI", "+OK", "INCR a", "+QUEUED", "INCR a", "+QUEUED", "INCR a", "+QUEUED", "INCR a", full, "EXEC", aborted)
	value := strings.Repeat("v", 36)
	f.dial().want("MULTI", "+OK", "SET a "+value, "+QUEUED", "EXEC", "[+OK]", "MULTI", "+OK", "SET a "+value+"v", full, "EXEC", aborted)
	f.dial().want("WATCH {a}1 {a}2", "+OK", "WATCH {a}1", "+OK", "WATCH {a}3", "-ERR a connection may watch 2 keys")
}
