package ops

import (
	"errors"
	"testing"

	"github.com/holtcache/holt/gateway/ops/opstest"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Comparisons look at bytes, or at the digest of bytes, and know what a missing key means.
func TestComparisonsDecideWhatIsWritten(t *testing.T) {
	sum := digestOf([]byte("old"))
	for _, row := range []struct {
		c              Comparison
		equal, missing bool // what is written where the value is equal, and where there is none
	}{
		{Comparison{Value: []byte("old")}, true, false},
		{Comparison{Value: []byte("other")}, false, false},
		{Comparison{Value: []byte("old"), Unequal: true}, false, true},
		{Comparison{Value: []byte("other"), Unequal: true}, true, true},
		{Comparison{Value: []byte(sum), Digest: true}, true, false},
		{Comparison{Value: []byte(sum), Digest: true, Unequal: true}, false, true},
		{Comparison{Value: []byte("0000000000000000"), Digest: true}, false, false},
	} {
		opts := SetOptions{If: SetIfValue, Compare: &row.c}
		tx := newMemTx()
		if result, err := Set(tx, keyK, []byte("new"), opts); err != nil || result.Applied != row.missing {
			t.Errorf("%+v on a missing key: %+v, %v", row.c, result, err)
		}
		tx.Set(keyK, []byte("old"), entry.TypeString, 0)
		if result, err := Set(tx, keyK, []byte("new"), opts); err != nil || result.Applied != row.equal {
			t.Errorf("%+v: %+v, %v", row.c, result, err)
		}
		tx.Set(keyK, []byte("old"), entry.TypeString, 0)
		if deleted, err := DeleteIf(tx, keyK, &row.c); err != nil || deleted != row.equal {
			t.Errorf("delete if %+v: %v, %v", row.c, deleted, err)
		}
		if deleted, err := DeleteIf(tx, []byte("missing"), &row.c); err != nil || deleted {
			t.Errorf("delete a missing key if %+v: %v, %v", row.c, deleted, err)
		}
		tx.Put("k", opstest.OtherItem)
		if _, err := Set(tx, keyK, []byte("new"), opts); !errors.Is(err, ErrWrongType) {
			t.Errorf("%+v on another type: %v", row.c, err)
		}
		if _, err := DeleteIf(tx, keyK, &row.c); !errors.Is(err, ErrWrongType) {
			t.Errorf("delete another type if %+v: %v", row.c, err)
		}
	}
}
