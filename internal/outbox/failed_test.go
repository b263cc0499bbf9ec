package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestWhatATargetDoesNotTakeIsKeptAndBlocksNothing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	refused := map[string]error{
		"data of 1": &Refusal{Reason: "the class is not supported", Permanent: true},
		"data of 2": &Refusal{Reason: "out of resources"},
	}
	p := &peer{answer: func(data string) error { return refused[data] }}
	outcomes := map[Outcome]int{}
	var mu sync.Mutex
	d := Delivery{Senders: map[string]Sender{"pacs": p}, First: time.Millisecond, Longest: 20 * time.Millisecond, Look: 5 * time.Millisecond,
		Tried: func(target string, o Outcome) { mu.Lock(); defer mu.Unlock(); outcomes[o]++ }}
	for i := range 5 {
		put(t, b, item("pacs", fmt.Sprint(i)))
	}
	stop := run(b, d)
	defer stop()
	until(t, "the others are delivered", func() bool { return len(p.all()) == 3 })
	until(t, "one failed", func() bool { s := b.State().Targets[0]; return s.Items == 1 && s.Failed == 1 })
	list, err := List(dir)
	if err != nil || len(list) != 2 || list[0].State != StateWaiting || list[1].State != StateFailed || list[1].Reason != "the class is not supported" ||
		list[1].Target != "pacs" || list[1].Kind != "sr" || list[1].Item != keyOf("pacs", "1").String() ||
		list[0].Reason != "out of resources" || list[0].Tries == 0 || list[1].Tries != 1 {
		t.Errorf("%v, %+v", err, list)
	}
	p.mu.Lock()
	clear(refused)
	p.mu.Unlock()
	until(t, "what was refused for now is delivered", func() bool { return len(p.all()) == 4 })
	if err := Retry(dir, list[1].Item); err != nil {
		t.Error(err)
	}
	until(t, "what failed is delivered on demand", func() bool { s := b.State(); return len(p.all()) == 5 && s.Targets[0].Failed == 0 && s.Bytes == 0 })
	until(t, "nothing is left of it", func() bool { return left(t, dir) == 0 })
	mu.Lock()
	defer mu.Unlock()
	if outcomes[Delivered] != 5 || outcomes[Failed] != 1 || outcomes[Retried] == 0 {
		t.Errorf("%v", outcomes)
	}
	if err := Retry(dir, list[1].Item); err == nil {
		t.Error("what was delivered can be tried again")
	}
	if err := Retry(dir, "../queue/x"); err == nil || Drop(dir, "../lock") == nil || Drop(dir, list[1].Item) == nil {
		t.Error("names are not looked at")
	}
}

// left is how many files there are of items.
func left(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, s := range stateDirs {
		files, err := os.ReadDir(filepath.Join(dir, s.dir))
		if err != nil {
			t.Fatal(err)
		}
		n += len(files)
	}
	return n
}

func TestTriesAreCountedOverRestarts(t *testing.T) {
	dir := t.TempDir()
	d := Delivery{First: time.Millisecond, Longest: time.Millisecond, Senders: map[string]Sender{
		"pacs": &peer{answer: func(string) error { return errors.New("away") }},
	}}
	tries := func() int {
		list, err := List(dir)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %+v", err, list)
		}
		if n := list[0].Tries; n > 0 && list[0].Reason != "away" {
			t.Fatalf("%+v", list[0])
		}
		return list[0].Tries
	}
	before := 0
	for range 3 {
		b, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, item("pacs", "1"))
		stop := run(b, d)
		until(t, "it is tried again", func() bool { return tries() > before+1 })
		stop()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		before = tries()
	}
	if err := Drop(dir, keyOf("pacs", "1").String()); err != nil || left(t, dir) != 0 {
		t.Errorf("%v, %d files are left", err, left(t, dir))
	}
	alone := filepath.Join(dir, queueDir, keyOf("pacs", "2").String()+note)
	if err := os.WriteFile(alone, []byte(`{"tries":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
	if n := left(t, dir); n != 0 {
		t.Errorf("%d files are left of no item", n)
	}
}

func TestAnItemFailsEvenIfItsReasonCannotBeNoted(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	put(t, b, item("pacs", "1"))
	if err := os.Mkdir(b.path(queueDir, keyOf("pacs", "1"))+note, 0o700); err != nil {
		t.Fatal(err)
	}
	stop := run(b, Delivery{Senders: map[string]Sender{"pacs": &peer{answer: func(string) error { return &Refusal{Reason: "no", Permanent: true} }}}})
	defer stop()
	until(t, "it failed", func() bool { s := b.State().Targets[0]; return s.Failed == 1 && s.Items == 0 })
	if list, err := List(dir); err != nil || len(list) != 1 || list[0].State != StateFailed || list[0].Reason != "" {
		t.Errorf("%v, %+v", err, list)
	}
}

func TestAnItemThatFailedIsTriedAgainWhenItsFilmIsSentAgain(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	refuse := true
	p := &peer{answer: func(string) error {
		if refuse {
			return &Refusal{Reason: "no", Permanent: true}
		}
		return nil
	}}
	put(t, b, item("pacs", "1"))
	stop := run(b, Delivery{Senders: map[string]Sender{"pacs": p}})
	defer stop()
	until(t, "it failed", func() bool { return b.State().Targets[0].Failed == 1 })
	p.mu.Lock()
	refuse = false
	p.mu.Unlock()
	put(t, b, item("pacs", "1"))
	until(t, "it is delivered", func() bool { s := b.State(); return len(p.all()) == 1 && s.Targets[0].Failed == 0 && s.Bytes == 0 })
	if list, err := List(dir); err != nil || len(list) != 0 {
		t.Errorf("%v, %+v", err, list)
	}
}
