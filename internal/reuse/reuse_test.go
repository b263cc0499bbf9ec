package reuse

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// collect has the collector run, and waits until its cycle's end was told.
func collect(t *testing.T) {
	t.Helper()
	told := make(chan struct{})
	end := new(kept[int])
	end.ended = func() { close(told) }
	end.watch()
	runtime.GC()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("a cycle's end was not told")
	}
}

// until waits for what comes with cycles, of which some may be missed.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func (k *kept[T]) holds() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.values)
}

func TestTheLastComesFirst(t *testing.T) {
	made := 0
	s := NewStack(func() int { made++; return made })
	a, b := s.Get(), s.Get()
	s.Put(a)
	s.Put(b)
	if got := [3]int{s.Get(), s.Get(), s.Get()}; got != [3]int{2, 1, 3} {
		t.Errorf("%v", got)
	}
}

// What was not needed for a whole cycle of the collector goes, and what is needed again and again stays.
func TestWhatLiesIdleGoes(t *testing.T) {
	s := NewStack(func() *[64]int { return new([64]int) })
	needed, idle := s.Get(), s.Get()
	s.Put(idle)
	s.Put(needed)
	until(t, "what lay idle for cycles is still there", func() bool {
		if s.Get() != needed {
			t.Fatal("what is needed has gone")
		}
		s.Put(needed)
		collect(t)
		return s.kept.holds() == 1
	})
	until(t, "it is still there when nobody has needed it", func() bool { collect(t); return s.kept.holds() == 0 })
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if s.kept.watched {
		t.Error("cycles are watched for nothing")
	}
}

// There are no more values than are in use at a time, and each has one user.
func TestThereAreNoMoreThanAreInUse(t *testing.T) {
	const users = 4
	var made atomic.Int32
	s := NewStack(func() *atomic.Int32 { made.Add(1); return new(atomic.Int32) })
	var all sync.WaitGroup
	for range users {
		all.Go(func() {
			for range 2000 {
				v := s.Get()
				if v.Add(1) != 1 {
					t.Error("a value has two users")
				}
				v.Add(-1)
				s.Put(v)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n > users {
		t.Errorf("%d values for %d users", n, users)
	}
}

func TestTheSmallestThatIsLargeEnoughIsTaken(t *testing.T) {
	b := NewBytes()
	for _, n := range []int{300, 100, 200} {
		b.most = 300
		b.Put(make([]byte, n))
	}
	for _, c := range []struct{ n, has int }{{150, 200}, {90, 100}, {301, 301}, {1, 1}} {
		got := b.Get(c.n)
		if len(got) != c.n || cap(got) < c.has || cap(got) > c.has+c.has/4+16 {
			t.Errorf("for %d bytes: %d of %d", c.n, len(got), cap(got))
		}
	}
	if n := b.kept.holds(); n != 0 {
		t.Errorf("%d are kept: a new slice takes the place of one that is too small", n)
	}
}

// TestSizesInAnyOrderAddUpToWhatIsInUse lets users ask for sizes of all kinds.
func TestSizesInAnyOrderAddUpToWhatIsInUse(t *testing.T) {
	const users, largest = 3, 1 << 16
	b := NewBytes()
	rng := rand.New(rand.NewPCG(1, 2))
	var held [][]byte
	for range 5000 {
		if len(held) < users && rng.IntN(2) == 0 {
			n := 1 + rng.IntN(largest)
			s := b.Get(n)
			if len(s) != n {
				t.Fatalf("%d bytes, %d were asked for", len(s), n)
			}
			held = append(held, s)
		} else if len(held) > 0 {
			b.Put(held[0])
			held = held[1:]
		}
		if all := len(held) + b.kept.holds(); all > users {
			t.Fatalf("%d slices for %d users", all, users)
		}
	}
}

// A slice that is much larger than anything that was asked for in the last two cycles is not kept, however often it is used.
func TestOneLargeSliceDoesNotStayForSmallOnes(t *testing.T) {
	b := NewBytes()
	b.Put(b.Get(1 << 20))
	if s := b.Get(100); cap(s) < 1<<20 {
		t.Fatal("it is gone at once")
	} else {
		b.Put(s)
	}
	until(t, "it is still there", func() bool {
		s := b.Get(100)
		collect(t)
		b.Put(s)
		return cap(s) < 1<<20
	})
}

func TestNothingIsNotKept(t *testing.T) {
	b := NewBytes()
	b.Put(nil)
	b.Put(b.Get(0))
	if n := b.kept.holds(); n != 0 {
		t.Errorf("%d are kept", n)
	}
}
