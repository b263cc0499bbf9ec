package outbox

import (
	"fmt"
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
		list[1].Target != "pacs" || list[1].Kind != "sr" || list[1].Item != keyOf("pacs", "1").String() {
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
