package script

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The patterns of Lua 5.1 (lua.org, manual 5.1, §5.4.1). They are matched here and not by the library since a match may take time in a high
// power of the length: each step of it is counted.

const (
	capturesMax = 32
	// patternBytesMax bounds how deep matching nests.
	patternBytesMax = 32 << 10
	// bytesAtOnce are looked at in one step.
	bytesAtOnce = 16

	captureOpen     = -1
	capturePosition = -2
)

// matcher matches one pattern.
type matcher struct {
	meter    *meter
	text     string
	pattern  string
	level    int
	captures [capturesMax]struct{ at, length int }
	// err is why matching ended.
	err error
}

func (m *matcher) fail(text string) int {
	if m.err == nil {
		m.err = errors.New(text)
	}
	return -1
}

// classEnd returns what follows the single character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.pattern[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pattern) {
			return m.fail("malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if p < len(m.pattern) && m.pattern[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pattern) || m.pattern[p] != ']'; first = false {
			if p >= len(m.pattern) {
				return m.fail("malformed pattern (missing ']')")
			}
			if m.pattern[p] == '%' {
				p++
			}
			p++
		}
		return p + 1
	}
	return p
}

// inClass tells whether a byte is of a class such as %a.
func inClass(c, class byte) bool {
	lower := class | 0x20
	var in bool
	switch lower {
	case 'a':
		in = isLetter(c)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = 'a' <= c && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !isLetter(c) && !isDigit(c)
	case 's':
		in = c == ' ' || c >= 9 && c <= 13
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = isLetter(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if !isLetter(class) {
		return class == c
	}
	return in == (class == lower)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// inSet tells whether a byte is in the set whose '[' is at p and ']' at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	in := true
	p++
	if m.pattern[p] == '^' {
		in = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pattern[p] == '%':
			if p++; inClass(c, m.pattern[p]) {
				return in
			}
		case p+2 < end && m.pattern[p+1] == '-':
			if m.pattern[p] <= c && c <= m.pattern[p+2] {
				return in
			}
			p += 2
		case m.pattern[p] == c:
			return in
		}
	}
	return !in
}

// single tells whether the byte at s is of the class from p to end.
func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.text) {
		return false
	}
	switch c := m.text[s]; m.pattern[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pattern[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	default:
		return m.pattern[p] == c
	}
}

// match returns where the match of the pattern from p on ends that begins at s, -1 where there is none.
func (m *matcher) match(s, p int) int {
	for {
		if m.meter.step(); m.meter.stopped != nil {
			return m.fail(m.meter.stopped.Error())
		}
		if p >= len(m.pattern) {
			return s
		}
		switch m.pattern[p] {
		case '(':
			if p+1 < len(m.pattern) && m.pattern[p+1] == ')' {
				return m.open(s, p+2, capturePosition)
			}
			return m.open(s, p+1, captureOpen)
		case ')':
			return m.close(s, p+1)
		case '$':
			if p+1 == len(m.pattern) {
				if s == len(m.text) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(m.pattern) {
				switch next := m.pattern[p+1]; {
				case next == 'b':
					if s = m.balance(s, p+2); s < 0 {
						return -1
					}
					p += 4
					continue
				case next == 'f':
					end := m.frontier(s, p+2)
					if end < 0 {
						return -1
					}
					p = end
					continue
				case isDigit(next):
					if s = m.again(s, next); s < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		end := m.classEnd(p)
		if end < 0 {
			return -1
		}
		fits := m.single(s, p, end)
		if end < len(m.pattern) {
			switch m.pattern[end] {
			case '?':
				if fits {
					if got := m.match(s+1, end+1); got >= 0 || m.err != nil {
						return got
					}
				}
				p = end + 1
				continue
			case '*':
				return m.most(s, p, end, 0)
			case '+':
				return m.most(s, p, end, 1)
			case '-':
				return m.least(s, p, end)
			}
		}
		if !fits {
			return -1
		}
		s, p = s+1, end
	}
}

func (m *matcher) most(s, p, end, atLeast int) int {
	n := 0
	for m.single(s+n, p, end) {
		if n++; n%bytesAtOnce == 0 {
			m.meter.step()
		}
	}
	for ; n >= atLeast; n-- {
		if got := m.match(s+n, end+1); got >= 0 || m.err != nil {
			return got
		}
	}
	return -1
}

func (m *matcher) least(s, p, end int) int {
	for {
		if got := m.match(s, end+1); got >= 0 || m.err != nil {
			return got
		}
		if !m.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, what int) int {
	if m.level >= capturesMax {
		return m.fail("too many captures")
	}
	m.captures[m.level].at, m.captures[m.level].length = s, what
	m.level++
	got := m.match(s, p)
	if got < 0 {
		m.level--
	}
	return got
}

func (m *matcher) close(s, p int) int {
	for i := m.level - 1; i >= 0; i-- {
		if c := &m.captures[i]; c.length == captureOpen {
			c.length = s - c.at
			got := m.match(s, p)
			if got < 0 {
				c.length = captureOpen
			}
			return got
		}
	}
	return m.fail("invalid pattern capture")
}

// balance matches %bxy, whose x is at p.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pattern) {
		return m.fail("unbalanced pattern")
	}
	if s >= len(m.text) || m.text[s] != m.pattern[p] {
		return -1
	}
	depth := 1
	for i := s + 1; i < len(m.text); i++ {
		if i%bytesAtOnce == 0 {
			m.meter.step()
		}
		switch m.text[i] {
		case m.pattern[p+1]:
			if depth--; depth == 0 {
				return i + 1
			}
		case m.pattern[p]:
			depth++
		}
	}
	return -1
}

// frontier matches %f and the set at p, and returns what follows in the pattern.
func (m *matcher) frontier(s, p int) int {
	if p >= len(m.pattern) || m.pattern[p] != '[' {
		return m.fail("missing '[' after '%f' in pattern")
	}
	end := m.classEnd(p)
	if end < 0 {
		return -1
	}
	var before, here byte
	if s > 0 {
		before = m.text[s-1]
	}
	if s < len(m.text) {
		here = m.text[s]
	}
	if m.inSet(before, p, end-1) || !m.inSet(here, p, end-1) {
		return -1
	}
	return end
}

// again matches what a capture has matched.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= m.level || m.captures[i].length == captureOpen {
		return m.fail("invalid capture index")
	}
	c := m.captures[i]
	if c.length < 0 || !strings.HasPrefix(m.text[s:], m.text[c.at:c.at+c.length]) {
		return -1
	}
	return s + c.length
}

// capture is what the i-th capture has matched; the whole match, from s to end, where the pattern has none.
func (m *matcher) capture(i, s, end int) lua.LValue {
	if i >= m.level {
		if i == 0 {
			return lua.LString(m.text[s:end])
		}
		m.fail("invalid capture index")
		return lua.LNil
	}
	c := m.captures[i]
	switch c.length {
	case capturePosition:
		return lua.LNumber(c.at + 1)
	case captureOpen:
		m.fail("unfinished capture")
		return lua.LNil
	}
	return lua.LString(m.text[c.at : c.at+c.length])
}
