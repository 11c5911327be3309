package resp

import "bytes"

// splitInline cuts an inline request into arguments as Redis' sdssplitargs does: words between spaces, "..." with
// escapes (\xHH \n \r \t \b \a, any other character for itself), '...' with \' alone. It unquotes in place, which
// cannot grow a word, and reports each argument to yield as a range of line. It returns false for unbalanced quotes:
// one that is not closed, or whose end is not the end of its word.
func splitInline(line []byte, yield func(from, to int)) bool {
	at := 0
	for {
		for at < len(line) && isSpace(line[at]) {
			at++
		}
		if at == len(line) {
			return true
		}
		from := at
		next, to, ok := unquoteWord(line, at)
		if !ok {
			return false
		}
		yield(from, to)
		at = next
	}
}

// unquoteWord rewrites the word that begins at from to line[from:to] and returns where to go on reading.
func unquoteWord(line []byte, from int) (next, to int, ok bool) {
	at, to := from, from
	var quote byte // the quote we are in, or 0
	for at < len(line) {
		c := line[at]
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			at++
			continue
		case quote == 0 && (c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			return at, to, true
		case quote != 0 && c == quote:
			at++
			return at, to, at == len(line) || isSpace(line[at])
		case quote != 0 && c == '\\':
			var width int
			c, width = unescape(line[at:], quote)
			at += width
		default:
			at++
		}
		line[to] = c
		to++
	}
	return at, to, quote == 0
}

// unescape reads the escape that b, inside of quote, begins with: the character it means, and its length.
func unescape(b []byte, quote byte) (c byte, width int) {
	switch {
	case len(b) < 2 || quote == '\'' && b[1] != '\'':
		return '\\', 1
	case quote == '"' && b[1] == 'x' && len(b) >= 4 && isHex(b[2]) && isHex(b[3]):
		return hexValue(b[2])<<4 | hexValue(b[3]), 4
	case quote == '\'':
		return '\'', 2
	}
	switch b[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'a':
		return '\a', 2
	}
	return b[1], 2
}

// isCrossProtocol reports whether the first word of an inline request is one by which Redis knows HTTP.
func isCrossProtocol(word []byte) bool {
	return bytes.EqualFold(word, []byte("POST")) || bytes.EqualFold(word, []byte("Host:"))
}

// isSpace is isspace of C's default locale.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
