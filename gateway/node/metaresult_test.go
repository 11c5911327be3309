package node

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// A field that is forgotten on the way would be missing only where the command was proposed at another node.
func TestResultOfAMetaCommandTravelsWhole(t *testing.T) {
	want := meta.Result{
		Epoch: 7, Changed: true, Shards: []slot.ShardID{4, 5}, Migrations: []uint64{8, 9}, Displaced: []string{"node-2"},
		Err: apierr.New(apierr.KindExists, "there is one"),
	}
	for i, field := range reflect.VisibleFields(reflect.TypeFor[meta.Result]()) {
		if reflect.ValueOf(want).Field(i).IsZero() {
			t.Errorf("this test says nothing of %s", field.Name)
		}
	}
	got := resultFromProto(resultProto(want))
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || apierr.KindOf(got.Err) != apierr.KindExists {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := resultFromProto(&nodev1.ProposeMetaResponse{Refusal: &nodev1.Refusal{Kind: "of-a-newer-build"}}); apierr.KindOf(got.Err) != apierr.KindInvalid {
		t.Errorf("a refusal of an unknown kind: %v", got.Err)
	}
}
