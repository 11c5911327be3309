package apierr

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestEveryKindHasAWholeRow(t *testing.T) {
	seen := map[string]Kind{}
	for _, k := range Kinds() {
		row := k.Row()
		if row.Name == "" || row.Code == 0 || row.RESPPrefix == "" || row.Outcome == 0 || row.Meaning == "" {
			t.Errorf("kind %d has an incomplete row: %+v", k, row)
		}
		if row.RESPPrefix != strings.ToUpper(row.RESPPrefix) || strings.ContainsAny(row.RESPPrefix, " \r\n") {
			t.Errorf("kind %v: RESP prefix %q is not one upper-case word", k, row.RESPPrefix)
		}
		if other, twice := seen[row.Name]; twice {
			t.Errorf("kinds %d and %d share the name %q", other, k, row.Name)
		}
		seen[row.Name] = k
		if back, ok := ByName(row.Name); !ok || back != k {
			t.Errorf("ByName(%q) = %v, %v", row.Name, back, ok)
		}
	}
}

// An outcome that nobody knows must not invite a client library to repeat the write: none retries an UNKNOWN error.
func TestUnknownOutcomeIsNeverRetryable(t *testing.T) {
	for _, k := range Kinds() {
		if row := k.Row(); row.Outcome == OutcomeUnknown && row.Retryable {
			t.Errorf("kind %v is retryable although its outcome is unknown", k)
		}
	}
}

func TestRedirectsAreThreeWords(t *testing.T) {
	if got, want := Moved(866, "127.0.0.1:7001").RESP(), "MOVED 866 127.0.0.1:7001"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Ask(866, "127.0.0.1:7001").RESP(), "ASK 866 127.0.0.1:7001"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Where nobody knows the address there is nothing that a client could follow.
func TestAskWithoutAnAddressReadsAsTryAgain(t *testing.T) {
	err := AskShard(866, 7)
	if got, want := err.RESP(), "TRYAGAIN slot 866 is being handed over to shard 7; not applied, ask there"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err.Slot != 866 || err.Shard != 7 || err.Kind != KindAsk {
		t.Errorf("got %+v", err)
	}
}

func TestForeignErrorsAreInternalWithUnknownOutcome(t *testing.T) {
	e := Of(io.ErrUnexpectedEOF)
	if e.Kind != KindInternal || e.Result() != OutcomeUnknown || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("got kind %v, outcome %v", e.Kind, e.Result())
	}
	if Of(nil) != nil || KindOf(nil) != 0 {
		t.Error("nil became an error")
	}
}

func TestErrorsAreFoundThroughWrapping(t *testing.T) {
	err := fmt.Errorf("set k: %w", New(KindBusy, "shard 7: queue full: %w", io.EOF))
	if KindOf(err) != KindBusy || !errors.Is(err, &Error{Kind: KindBusy}) || !errors.Is(err, io.EOF) {
		t.Errorf("kind %v", KindOf(err))
	}
	if got, want := Of(err).RESP(), "TRYAGAIN shard 7: queue full: EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
