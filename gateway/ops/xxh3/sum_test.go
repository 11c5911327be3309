package xxh3

import "testing"

// The sums of libxxhash 0.8.1 for bytes i*131+7, of every length at which the algorithm changes.
func TestSumsAreThoseOfXXHash(t *testing.T) {
	data := make([]byte, 5000)
	for i := range data {
		data[i] = byte(i*131 + 7)
	}
	for n, want := range map[int]uint64{
		0:    0x2d06800538d394c2,
		1:    0x4c5cca45d0f4811f,
		2:    0x29c60963cbfa4e6e,
		3:    0x6e3e2670e61106ac,
		4:    0x5c4c63133443d03f,
		5:    0x49f5eb3111280b63,
		8:    0xf9fd4dd0b04d78f5,
		9:    0x7c20df9712c26edf,
		16:   0x86abf6baccea0858,
		17:   0xb58bf5dc5022d071,
		32:   0xe3712ed84c04a66e,
		33:   0xa4dee99b093e1f73,
		64:   0x1291d2d4042330dd,
		65:   0x97c6bf83217e5ec9,
		96:   0x81296929fc063365,
		97:   0xf145a45b658ab9dd,
		128:  0x10d17f72c0ccba41,
		129:  0x1648bdc3db49d1a2,
		160:  0x655c8dc33b4b4c4a,
		200:  0xc0fbc0f4e181c826,
		240:  0xb6cfaf343fab81e6,
		241:  0x956cae592c67279e,
		255:  0x64a6073025eb7929,
		256:  0xb15e550733c5dfac,
		511:  0x5a17da924907228a,
		512:  0xa0e9790eb93990d7,
		1023: 0xa94ffcd2254368e4,
		1024: 0x70bd377d9574f4bb,
		1025: 0x66c4487c41e127a7,
		1088: 0xf43dc77e28a9acbc,
		1089: 0x313bc7ee32bbfa2e,
		2048: 0x8b46caa67dab3a30,
		2049: 0x581cd184fd9b76c5,
		4096: 0x9ddd66c14af0daff,
		5000: 0xe4007929540f095c,
	} {
		if got := Sum64(data[:n]); got != want {
			t.Errorf("%d bytes: got %016x, want %016x", n, got, want)
		}
	}
	if got, want := Sum64([]byte("Hello world")), uint64(0xb6acb9d84a38ff74); got != want {
		t.Errorf("Hello world: got %016x, want %016x", got, want)
	}
}
