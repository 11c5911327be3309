package client

import (
	"reflect"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

func TestPlacesComeBackFromTheirToken(t *testing.T) {
	places := []place{
		{slots: []slot.Range{{First: 0, Last: 4}, {First: 9, Last: 9}}, shard: 1, token: []byte("abc"), skip: 3},
		{slots: []slot.Range{{First: 10, Last: slot.Count - 1}}, shard: 1 << 40, migration: 7},
	}
	token := placesToken([]place{places[1], places[0]})
	back, err := parsePlaces(token)
	if err != nil {
		t.Fatal(err)
	}
	back[1].token = nil // it has none
	if !reflect.DeepEqual(back, places) {
		t.Errorf("got %+v, want %+v", back, places)
	}
	for n := range token {
		if _, err := parsePlaces(token[:n]); err == nil {
			t.Errorf("the first %d bytes of a token are taken", n)
		}
	}
	if _, err := parsePlaces(append(token, 0)); err == nil {
		t.Error("a token with something behind it is taken")
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add(placesToken([]place{{slots: []slot.Range{{First: 1, Last: 2}}, shard: 1, token: []byte("x")}}))
	f.Fuzz(func(t *testing.T, token []byte) {
		if places, err := parsePlaces(token); err == nil && len(places) == 0 {
			t.Error("a token without places is taken")
		}
	})
}
