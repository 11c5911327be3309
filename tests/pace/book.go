package pace

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// book is what was answered to the writes that count, by key.
type book struct {
	counters, texts map[string]*account
}

// account is of one counter or one text.
type account struct {
	acknowledged []int           // numbers of requests
	unknown      map[int]bool    // those that failed
	replies      map[int64][]int // what was answered, to which requests
}

func newBook() book { return book{map[string]*account{}, map[string]*account{}} }

func (b book) note(k kind, key string, n int, reply int64, err error) {
	accounts := map[kind]map[string]*account{kindIncr: b.counters, kindAppend: b.texts}[k]
	if accounts == nil {
		return
	}
	a := accounts[key]
	if a == nil {
		a = &account{unknown: map[int]bool{}, replies: map[int64][]int{}}
		accounts[key] = a
	}
	if err != nil {
		a.unknown[n] = true
		return
	}
	a.acknowledged = append(a.acknowledged, n)
	a.replies[reply] = append(a.replies[reply], n)
}

// wrongMax bounds how many errors are told.
const wrongMax = 20

// Check reads every counter and every text, after Stop, and tells what was lost, doubled or never written. The number is how
// many acknowledged writes were looked for.
func (l *Load) Check(ctx context.Context) (checked int, err error) {
	var wrong []error
	for k, accounts := range map[kind]map[string]*account{kindIncr: l.book.counters, kindAppend: l.book.texts} {
		for key, a := range accounts {
			value, _, err := l.read(ctx, key)
			if err == nil {
				err = a.check(k, value)
			}
			if err != nil && len(wrong) < wrongMax {
				wrong = append(wrong, fmt.Errorf("%s: %w", key, err))
			}
			checked += len(a.acknowledged)
		}
	}
	return checked, errors.Join(wrong...)
}

func (l *Load) read(ctx context.Context, key string) (string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestMax)
	defer cancel()
	return l.clients[0].get(ctx, key)
}

// check compares what a key holds in the end with what was answered.
func (a *account) check(k kind, value string) error {
	if k == kindIncr {
		return errors.Join(a.checkCounter(value), a.checkReplies())
	}
	return errors.Join(a.checkText(value), a.checkReplies())
}

// checkCounter wants each acknowledged increment once, and each that failed once or not at all.
func (a *account) checkCounter(value string) error {
	var got int
	if _, err := fmt.Sscan(value, &got); err != nil && value != "" {
		return fmt.Errorf("it holds %q", value)
	}
	if low, high := len(a.acknowledged), len(a.acknowledged)+len(a.unknown); got < low || got > high {
		return fmt.Errorf("it counts %d; %d increments were acknowledged, %d failed", got, low, len(a.unknown))
	}
	return nil
}

// checkText wants each acknowledged number once, and no other but those that failed.
func (a *account) checkText(value string) error {
	times := map[string]int{}
	for word := range strings.SplitSeq(strings.TrimSuffix(value, separator), separator) {
		if word != "" {
			times[word]++
		}
	}
	var wrong []error
	for _, n := range a.acknowledged {
		word := fmt.Sprint(n)
		if got := times[word]; got != 1 {
			wrong = append(wrong, fmt.Errorf("request %d was acknowledged, and is there %d times", n, got))
		}
		delete(times, word)
	}
	for word, got := range times {
		var n int
		if _, err := fmt.Sscan(word, &n); err != nil || !a.unknown[n] || got > 1 {
			wrong = append(wrong, fmt.Errorf("%q is there %d times, and was not acknowledged", word, got))
		}
	}
	return errors.Join(wrong[:min(len(wrong), wrongMax)]...)
}

// checkReplies wants each number to have been answered once: increments and appended texts only ever make it larger.
func (a *account) checkReplies() error {
	for reply, numbers := range a.replies {
		if len(numbers) > 1 {
			return fmt.Errorf("%d was answered to %d requests: %v", reply, len(numbers), numbers)
		}
	}
	return nil
}
