package resp

import "bytes"

// ReplyLength is the length of the first reply in b, in RESP2 or RESP3, for those who pass replies on without looking at them. ok is
// false where b ends before the reply does. The error is a *ProtocolError.
func ReplyLength(b []byte) (n int, ok bool, err error) {
	elems := 0
	for left := 1; left > 0; left-- {
		line := bytes.IndexByte(b[n:min(len(b), n+replyLineBytesMax)], '\n')
		switch {
		case line < 0 && len(b)-n >= replyLineBytesMax:
			return 0, false, badReply("line longer than %d bytes", replyLineBytesMax)
		case line < 0:
			return 0, false, nil
		case line < len("_\r") || b[n+line-1] != '\r':
			return 0, false, badReply("%q is no line of a reply", b[n:n+min(line, 32)])
		}
		sign, text := b[n], b[n+1:n+line-1]
		n += line + 1
		bulk, more, err := announced(sign, text)
		if err != nil {
			return 0, false, err
		}
		if elems += more; elems > replyElemsMax {
			return 0, false, badReply("more than %d values", replyElemsMax)
		}
		left += more
		if bulk < 0 {
			continue
		}
		if n += bulk + len("\r\n"); n > len(b) {
			return 0, false, nil
		}
		if string(b[n-2:n]) != "\r\n" {
			return 0, false, badReply("expected CRLF after bulk")
		}
	}
	return n, true, nil
}

// announced is what follows the first line of a value: a bulk of so many bytes, -1 for none, and so many values.
func announced(sign byte, text []byte) (bulk, values int, err error) {
	switch sign {
	case '+', '-', ':', '_', '#', ',', '(':
		return -1, 0, nil
	case '$', '!', '=', '*', '~', '>', '%', '|':
	default:
		return 0, 0, badReply("%q is no reply", string(rune(sign)))
	}
	n, ok := parseLength(text)
	switch {
	case ok && n == -1 && (sign == '$' || sign == '*'):
		return -1, 0, nil
	case !ok || n < 0:
		return 0, 0, badReply("invalid length %q", text)
	case sign == '$' || sign == '!' || sign == '=':
		if n > replyBulkBytesMax {
			return 0, 0, badReply("invalid bulk length %q", text)
		}
		return int(n), 0, nil
	case n > replyElemsMax:
		return 0, 0, badReply("invalid count %q", text)
	case sign == '%':
		n *= 2
	case sign == '|':
		n = 2*n + 1 // the value that it is about follows
	}
	return -1, int(n), nil
}

// Raw is a reply that another server has written, in the protocol of the connection that it goes to.
func Raw(reply []byte) Value { return Value{Kind: KindRaw, Str: reply} }
