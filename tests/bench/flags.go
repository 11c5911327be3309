package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// choice is a flag of words with commas between them.
type choice []string

func (c choice) String() string { return strings.Join(c, ",") }

func (c *choice) Set(text string) error {
	*c = strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	return nil
}

// numbers is a flag of positive numbers with commas between them.
type numbers []int

func (n numbers) String() string {
	var words choice
	for _, number := range n {
		words = append(words, strconv.Itoa(number))
	}
	return words.String()
}

func (n *numbers) Set(text string) error {
	var words choice
	if err := words.Set(text); err != nil {
		return err
	}
	*n = nil
	for _, word := range words {
		number, err := strconv.Atoi(word)
		if err != nil || number < 1 {
			return fmt.Errorf("%q is no number from 1", word)
		}
		*n = append(*n, number)
	}
	if len(*n) == 0 {
		return errors.New("there is no number")
	}
	return nil
}

// seconds is a flag for a span of time.
type seconds float64

func (s *seconds) flag(f *flag.FlagSet, name string, value float64, usage string) {
	f.Float64Var((*float64)(s), name, value, usage)
}

func (s seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }
