package command

import (
	"bytes"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
)

// errDigest is the error of a digest of another form; its text is that of Redis 8.4.
var errDigest = apierr.New(apierr.KindInvalid, "must be exactly 16 hexadecimal characters")

// conditionOption is IFEQ, IFNE, IFDEQ, IFDNE or IFVER with what is compared, as SET and DELEX take it.
type conditionOption struct{ word, text []byte }

func (o *conditionOption) given() bool { return o.word != nil }

// isCondition tells whether an argument is the word of such an option.
func isCondition(arg []byte) bool {
	return word(arg, "IFEQ") || word(arg, "IFNE") || word(arg, "IFDEQ") || word(arg, "IFDNE") || word(arg, "IFVER")
}

// take reads the option from the front of options and tells whether it is there, whole, and the first one.
func (o *conditionOption) take(options [][]byte) bool {
	if o.given() || len(options) < 2 || !isCondition(options[0]) {
		return false
	}
	o.word, o.text = options[0], options[1]
	return true
}

// apply makes the option a condition of SET.
func (o *conditionOption) apply(opts *ops.SetOptions) error {
	switch {
	case !o.given():
		return nil
	case word(o.word, "IFVER"):
		version, err := ops.ParseInt(o.text)
		if err == nil && version < 0 {
			err = ops.ErrNotInteger
		}
		opts.If, opts.Version = ops.SetIfVersion, uint64(version)
		return err
	}
	var err error
	opts.If = ops.SetIfValue
	opts.Compare, err = o.comparison()
	return err
}

// comparison is the option as a condition on a value.
func (o *conditionOption) comparison() (*ops.Comparison, error) {
	c := &ops.Comparison{
		Unequal: word(o.word, "IFNE") || word(o.word, "IFDNE"),
		Digest:  word(o.word, "IFDEQ") || word(o.word, "IFDNE"),
		Value:   o.text,
	}
	if !c.Digest {
		return c, nil
	}
	c.Value = bytes.ToLower(o.text)
	if len(c.Value) != ops.DigestBytes || len(bytes.Trim(c.Value, "0123456789abcdef")) != 0 {
		return nil, errDigest
	}
	return c, nil
}
