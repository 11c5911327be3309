package resp

// AppendCommand writes a command as a client sends it, an array of bulks, to dst.
func AppendCommand(dst []byte, args ...[]byte) []byte {
	dst = appendNumber(dst, '*', int64(len(args)))
	for _, arg := range args {
		dst = appendBulk(dst, '$', arg)
	}
	return dst
}

// AppendCommandStrings is [AppendCommand] for strings.
func AppendCommandStrings(dst []byte, args ...string) []byte {
	dst = appendNumber(dst, '*', int64(len(args)))
	for _, arg := range args {
		dst = appendNumber(dst, '$', int64(len(arg)))
		dst = append(dst, arg...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}
