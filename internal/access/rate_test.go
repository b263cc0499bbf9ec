package access

import (
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{
		"10/s": {10, time.Second}, "600/m": {600, time.Minute}, "1/h": {1, time.Hour}, "1000000/s": {1_000_000, time.Second},
		"": {}, "0/s": {}, "-1/s": {}, "+1/s": {}, "01/s": {}, "1": {}, "1/": {}, "1/d": {}, "1.5/s": {}, "1000001/s": {}, " 1/s": {}, "1/s/s": {}, "1e3/s": {},
	} {
		got, err := ParseRate(text)
		if got != want || (err == nil) != (want != Rate{}) || err == nil && got.String() != text {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestACallerIsHeldToItsRate(t *testing.T) {
	l := NewLimiter[string]()
	now := time.Unix(1000, 0)
	three := Rate{3, time.Minute}
	for i := range 3 {
		if _, ok := l.Allow("a", three, now); !ok {
			t.Errorf("request %d of 3 is refused", i+1)
		}
	}
	after, ok := l.Allow("a", three, now)
	if ok || after.Round(time.Millisecond) != 20*time.Second {
		t.Errorf("the fourth: %v, after %v", ok, after)
	}
	// Being refused costs nothing.
	for range 100 {
		l.Allow("a", three, now)
	}
	if after, ok := l.Allow("a", three, now.Add(19*time.Second)); ok || after.Round(time.Millisecond) != time.Second {
		t.Errorf("a second early: %v, %v", ok, after)
	}
	if _, ok := l.Allow("a", three, now.Add(20*time.Second)); !ok {
		t.Error("refused when it has one again")
	}
	if _, ok := l.Allow("b", three, now); !ok {
		t.Error("another caller is held to it")
	}
	// Another rate holds at once.
	if _, ok := l.Allow("a", Rate{1, time.Hour}, now.Add(20*time.Second)); !ok {
		t.Error("refused by the rate it had")
	}
	if after, ok := l.Allow("a", Rate{1, time.Hour}, now.Add(20*time.Second)); ok || after.Round(time.Millisecond) != time.Hour {
		t.Errorf("%v, %v", ok, after)
	}
	for range 1000 {
		if _, ok := l.Allow("a", Rate{}, now); !ok {
			t.Error("there is no limit, and it is refused")
		}
	}
}

func TestCallersTakeBoundedMemory(t *testing.T) {
	l := NewLimiter[int]()
	now := time.Unix(1000, 0)
	one := Rate{1, time.Hour}
	l.Allow(-1, one, now)
	for i := range 3 * maxBuckets {
		l.Allow(i, one, now)
		if i%1000 == 0 {
			if _, ok := l.Allow(-1, one, now); ok {
				t.Fatalf("one that asks again and again is forgotten after %d others", i)
			}
		}
	}
	if n := l.Len(); n != maxBuckets || len(l.buckets) != maxBuckets {
		t.Errorf("%d callers are known, may be %d", n, maxBuckets)
	}
	if _, ok := l.Allow(0, one, now); !ok {
		t.Error("one that was forgotten is refused")
	}
}
