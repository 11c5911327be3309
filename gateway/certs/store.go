package certs

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// lookEvery is how long what was read of the files is taken for what they hold.
const lookEvery = time.Second

// Store holds what the files held when somebody looked last.
type Store struct {
	files  Files
	logger *slog.Logger

	mu     sync.Mutex // protects the fields below; held while small files are read
	looked time.Time
	read   contents // those that were parsed last, whether they made sense or not
	now    material
	// number counts the materials, so that configurations made of one are told from those made of the next.
	number uint64
}

// Open reads the files. logger hears of certificates that were replaced, and of files that make no sense; nil: nobody does.
func Open(files Files, logger *slog.Logger) (*Store, error) {
	if (files.Cert == "") != (files.Key == "") {
		return nil, errors.New("a certificate and its key belong together: name both files, or neither")
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{files: files, logger: logger, looked: time.Now()}
	var err error
	if s.read, err = files.read(); err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	if s.now, err = files.parse(s.read); err != nil {
		return nil, err
	}
	return s, nil
}

// current is what holds for a handshake that begins now, and its number.
func (s *Store) current() (material, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.looked) < lookEvery {
		return s.now, s.number
	}
	s.looked = time.Now()
	found, err := s.files.read()
	if err == nil && found.equal(s.read) {
		return s.now, s.number
	}
	var m material
	if err == nil {
		s.read = found
		m, err = s.files.parse(found)
	}
	if err != nil {
		s.logger.Warn("certificates cannot be read; those from before stay in force", "err", err)
		return s.now, s.number
	}
	s.now = m
	s.number++
	s.logger.Info("certificates were replaced", "cert", s.files.Cert, "ca", s.files.CA)
	return s.now, s.number
}
