package api

import (
	"testing"
	"time"
)

// The first line after some that were left out says how many those were, each kind for itself, and each is counted.
func TestASamplerTellsWhatItLeftOut(t *testing.T) {
	counted := 0
	s := newSampler(func() { counted++ })
	left := int64(0)
	for range sampledBurst + 7 {
		if missed, ok := s.allow("404"); !ok {
			left++
		} else if missed != 0 {
			t.Errorf("%d left out before the first was", missed)
		}
	}
	if left == 0 || counted != int(left) {
		t.Fatalf("%d left out, %d counted", left, counted)
	}
	if missed, ok := s.allow("400"); missed != 0 || !ok {
		t.Errorf("another kind: %d left out, %v", missed, ok)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		missed, ok := s.allow("404")
		if !ok {
			left++
		} else if missed != left {
			t.Errorf("%d are told of %d", missed, left)
		}
		if ok {
			break
		} else if time.Now().After(end) {
			t.Fatal("nothing is let through any more")
		}
	}
	if missed, ok := s.allow("404"); ok && missed != 0 {
		t.Errorf("%d are told of twice", missed)
	}
}
