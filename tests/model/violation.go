package model

import (
	"errors"
	"fmt"
)

// Class is what is wrong with a history. The zero value means "not set".
type Class uint8

const (
	// Lost: an acknowledged write is gone.
	Lost Class = iota + 1
	// Duplicated: a write took effect twice.
	Duplicated
	// Stale: a read did not see what had been acknowledged, or seen, before it began.
	Stale
	// Diverged: replicas hold different things at the same point of their logs.
	Diverged
	// Reordered: writes took effect in another order than they were acknowledged in.
	Reordered
	// Resurrected: what was deleted, overwritten or expired came back.
	Resurrected
	// Invented: a value was read that nobody wrote, or whose write was refused.
	Invented
	// Expiry: a value was gone before its expiry, or there after it.
	Expiry
	// Torn: a part of what takes effect as one was seen without the rest.
	Torn
	// Illegal: no order explains the history, and no simpler word does.
	Illegal
	// Unserved: something was refused, or not answered, although nothing was broken.
	Unserved
	// Undecided: there was no verdict within the budget, which counts as a failure.
	Undecided
)

// Classes lists all classes.
func Classes() []Class {
	var list []Class
	for c := Lost; c <= Undecided; c++ {
		list = append(list, c)
	}
	return list
}

var classNames = [...]string{
	Lost: "lost", Duplicated: "duplicated", Stale: "stale", Diverged: "diverged", Reordered: "reordered", Resurrected: "resurrected",
	Invented: "invented", Expiry: "expiry", Torn: "torn", Illegal: "illegal", Unserved: "unserved", Undecided: "undecided",
}

func (c Class) String() string { return classNames[c] }

// MarshalText is the name.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Violation is one thing that is wrong with a history.
type Violation struct {
	Class Class
	// Text says what, and which operations show it.
	Text string
}

type violationError struct {
	class Class
	text  string
}

func (e *violationError) Error() string { return e.text }

func violation(class Class, format string, args ...any) error {
	return &violationError{class, fmt.Sprintf(format, args...)}
}

// Violations lists what the error of a checker is made of.
func Violations(err error) []Violation {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []Violation
		for _, one := range joined.Unwrap() {
			list = append(list, Violations(one)...)
		}
		return list
	}
	class := Illegal
	var v *violationError
	if errors.As(err, &v) {
		class = v.class
	}
	return []Violation{{class, err.Error()}}
}

// Refused is a violation of the promise to serve, Differ one of the promise that replicas hold the same.
func Refused(format string, args ...any) error { return violation(Unserved, format, args...) }

// Differ says that replicas hold different things.
func Differ(format string, args ...any) error { return violation(Diverged, format, args...) }
