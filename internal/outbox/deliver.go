package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// Sender delivers items to a target. It returns nil once the target has the item for good, a [*Refusal] when the target answered
// and did not take this item, and any other error when the target could not be asked. The error's text is logged, so it must have
// no patient data and no credentials. A sender that is an [io.Closer] is closed when nothing more is delivered.
type Sender interface {
	Send(ctx context.Context, item Item) error
}

// Refusal is a target's answer that it does not take an item.
type Refusal struct {
	// Reason is in our own words: what a target says may have patient data.
	Reason string
	// Permanent says that the same item would be refused again, so that a person must look.
	Permanent bool
}

func (r *Refusal) Error() string { return r.Reason }

// Outcome is what became of a try to deliver an item.
type Outcome string

// The outcomes of a try.
const (
	Delivered Outcome = "delivered"
	Retried   Outcome = "retried" // it did not work and is tried again later
	Failed    Outcome = "failed"  // the target does not take the item; it is kept for a person
)

// Outcomes are all of them.
var Outcomes = []Outcome{Delivered, Retried, Failed}

// Delivery says how items are delivered. Senders is required; the zero value of another field stands for the default beside it.
type Delivery struct {
	// Senders are by target.
	Senders map[string]Sender
	// Log gets a line for what is refused or does not work; nil for none.
	Log *slog.Logger
	// Tried is called for each try; nil for none.
	Tried func(target string, o Outcome)
	// First and Longest are the waits after one failure and after many; between them a wait doubles with each: 1 s and 5 min.
	First, Longest time.Duration
	// Timeout is how long one try may take: 2 min.
	Timeout time.Duration
	// Grace is how long an item that is being sent may take when delivery ends: 10 s.
	Grace time.Duration
	// Look is how often the directory is looked at for what a person changed: 10 s.
	Look time.Duration
}

func (d Delivery) withDefaults() Delivery {
	for field, standard := range map[*time.Duration]time.Duration{
		&d.First: time.Second, &d.Longest: 5 * time.Minute, &d.Timeout: 2 * time.Minute, &d.Grace: 10 * time.Second, &d.Look: 10 * time.Second,
	} {
		if *field <= 0 {
			*field = standard
		}
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Tried == nil {
		d.Tried = func(string, Outcome) {}
	}
	return d
}

// Run delivers what is put until ctx ends and what was being sent then is through. Each target has a worker of its own. An
// outbox is run once, and closed afterwards.
func (b *Outbox) Run(ctx context.Context, d Delivery) {
	d = d.withDefaults()
	var workers sync.WaitGroup
	defer workers.Wait()
	for name, sender := range d.Senders {
		b.mu.Lock()
		t := b.target(name)
		b.mu.Unlock()
		workers.Go(func() { (&worker{b, d, t, sender}).run(ctx) })
	}
	b.warn(d)
	for looks := time.NewTicker(d.Look); ; {
		select {
		case <-ctx.Done():
			looks.Stop()
			return
		case <-looks.C:
			if err := b.look(); err != nil {
				d.Log.Warn("the outbox cannot be read", "error", err)
			}
		}
	}
}

// warn tells of items for targets that there are no more.
func (b *Outbox) warn(d Delivery) {
	for _, s := range b.State().Targets {
		if d.Senders[s.Target] == nil && s.Items+s.Failed > 0 {
			d.Log.Warn("items of the outbox are for a target that is not configured; they stay until it is, or until spikeray outbox drop",
				"target", s.Target, "items", s.Items+s.Failed)
		}
	}
}

// worker delivers to one target.
type worker struct {
	box    *Outbox
	d      Delivery
	target *target
	sender Sender
}

func (w *worker) run(ctx context.Context) {
	if c, ok := w.sender.(io.Closer); ok {
		defer c.Close()
	}
	for ctx.Err() == nil {
		e, wait := w.box.take(w.target)
		if e != nil {
			w.deliver(ctx, e)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.target.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// idle is how long a worker with nothing to do waits for a wake.
const idle = time.Hour

// take is the oldest item that may be tried now, or nil and how long to wait.
func (b *Outbox) take(t *target) (*entry, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if wait := t.next.Sub(now); wait > 0 {
		return nil, wait
	}
	wait := idle
	for _, e := range t.queue {
		if left := e.next.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		e.taken = true
		return e, 0
	}
	return nil, wait
}

// deliver tries one item.
func (w *worker) deliver(ctx context.Context, e *entry) {
	b := w.box
	item, err := readItem(b.path(queueDir, e.key), b.options.MaxBytes)
	refused := (*Refusal)(nil)
	switch {
	case errors.Is(err, os.ErrNotExist):
		b.gone(e) // a person took it away
		return
	case err != nil && !errors.Is(err, errDamaged):
		err = &Refusal{Reason: fmt.Sprintf("its file cannot be read: %v", err)} // others may go first
	case err == nil:
		item.Name = e.key.String()
		if err = w.send(ctx, item); err != nil && ctx.Err() != nil {
			b.release(e)
			return // it was cut off, which is nobody's failure
		}
	}
	switch {
	case err == nil:
		if err := b.delivered(e); err != nil {
			w.d.Log.Warn("what was delivered cannot be noted; it may be delivered again", "target", w.target.name, "error", err)
		}
		w.d.Tried(w.target.name, Delivered)
	case errors.Is(err, errDamaged):
		w.d.Log.Error("an item of the outbox is damaged and was put aside", "target", w.target.name, "item", e.key.String())
		b.damage(e)
		w.d.Tried(w.target.name, Failed)
	case errors.As(err, &refused) && refused.Permanent:
		w.d.Log.Error("a target does not take an item; it is kept, see spikeray outbox list",
			"target", w.target.name, "item", e.key.String(), "kind", e.kind, "reason", refused.Reason)
		if err := b.fail(e, refused.Reason); err != nil {
			w.d.Log.Error("an item that failed is not put aside as it should be", "target", w.target.name, "item", e.key.String(), "error", err)
		}
		w.d.Tried(w.target.name, Failed)
	default:
		wait, tries := b.later(e, w.d, err.Error(), refused != nil)
		w.d.Log.Warn("an item could not be delivered; it is tried again", "target", w.target.name, "item", e.key.String(),
			"kind", e.kind, "reason", err, "tries", tries, "wait", wait.String())
		w.d.Tried(w.target.name, Retried)
	}
}

// send gives an item to the sender for as long as a try may take. When ctx ends it has the grace.
func (w *worker) send(ctx context.Context, item Item) error {
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.d.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		grace := time.AfterFunc(w.d.Grace, cancel)
		context.AfterFunc(try, func() { grace.Stop() })
	})
	defer stop()
	return w.sender.Send(try, item)
}

// release gives back an entry whose try was cut off.
func (b *Outbox) release(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.taken = false
}

// delivered notes that an item was delivered, and only then removes it.
func (b *Outbox) delivered(e *entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.to.tries, e.to.next = 0, time.Time{}
	err := b.done.add(e.key)
	b.remove(e)
	return errors.Join(err, removeFiles(b.path(queueDir, e.key)))
}

// gone lets go of an entry whose file is not there any more.
func (b *Outbox) gone(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(e)
	_ = os.Remove(b.path(queueDir, e.key) + note) // an item that was put again meanwhile may have the file itself
}

// damage puts an entry's file aside.
func (b *Outbox) damage(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(e)
	_ = b.putAside(queueDir, e.key)
}

// fail keeps an item for a person. It does so whether or not the reason can be noted.
func (b *Outbox) fail(e *entry, why string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.to.tries, e.to.next = 0, time.Time{} // the target answered
	from, path := b.path(queueDir, e.key), b.path(failedDir, e.key)
	noting := b.tried(e, why)
	if noting == nil {
		noting = os.Rename(from+note, path+note)
	}
	if err := os.Rename(from, path); err != nil {
		e.taken = false
		e.next = time.Now().Add(idle)
		return errors.Join(noting, err)
	}
	b.remove(e)
	b.keep(e)
	return errors.Join(noting, durable.SyncDir(filepath.Join(b.dir, failedDir)))
}

// keep counts an entry among those that failed.
func (b *Outbox) keep(e *entry) {
	e.taken, e.tries, e.next = false, 0, time.Time{}
	b.failed[e.key] = e
	e.to.failed++
	b.bytes += e.size
}

// later has an item tried again, after a wait that grows with its own failures. One that was refused lets others go first, but
// with every failure in a row the target waits longer too.
func (b *Outbox) later(e *entry, d Delivery, why string, refused bool) (time.Duration, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.taken = false
	_ = b.tried(e, why) // the log has it too
	e.to.tries++
	wait, now := d.wait(e.to.tries), time.Now()
	e.to.next = now.Add(wait)
	if refused {
		wait = max(wait, d.wait(e.tries))
		e.next = now.Add(wait)
	}
	return wait, e.tries
}

// wait is how long to wait after so many failures: half of it is left to chance, so that many nodes do not come at once.
func (d Delivery) wait(failures int) time.Duration {
	full := min(d.First, d.Longest)
	for i := 1; i < failures && full < d.Longest; i++ {
		full = min(2*full, d.Longest)
	}
	return full/2 + rand.N(full/2+1)
}

// remove takes an entry out of its queue.
func (b *Outbox) remove(e *entry) {
	if b.waiting[e.key] != e {
		return
	}
	delete(b.waiting, e.key)
	b.bytes -= e.size
	for i, other := range e.to.queue {
		if other == e {
			e.to.queue = append(e.to.queue[:i], e.to.queue[i+1:]...)
			return
		}
	}
}
