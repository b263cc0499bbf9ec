package adapters

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are a board's options by key. They record which keys the board knows.
type settings struct {
	given map[string]string
	known []string
	err   error
}

func (s *settings) fail(format string, args ...any) {
	s.err = errors.Join(s.err, fmt.Errorf("board: "+format, args...))
}

func (s *settings) text(key, standard string, among ...string) string {
	s.known = append(s.known, key)
	v, ok := s.given[key]
	if !ok {
		return standard
	}
	if len(among) > 0 && !slices.Contains(among, v) {
		said := slices.DeleteFunc(slices.Clone(among), func(v string) bool { return v == "" }) // which is not to give it
		s.fail("%s must be one of %s, not %q", key, strings.Join(said, ", "), v)
	}
	return v
}

func (s *settings) number(key string, standard int) int {
	v := s.text(key, strconv.Itoa(standard))
	n, err := strconv.Atoi(v)
	if err != nil {
		s.fail("%s must be a whole number, not %q", key, v)
	}
	return n
}

func (s *settings) duration(key string, standard time.Duration) time.Duration {
	v := s.text(key, standard.String())
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		s.fail("%s must be a time such as 30s, not %q", key, v)
	}
	return d
}
