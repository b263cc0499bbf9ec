package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func open(t *testing.T, dir string, o Options) *Outbox {
	t.Helper()
	b, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func put(t *testing.T, b *Outbox, items ...Item) {
	t.Helper()
	if err := b.Put(items...); err != nil {
		t.Fatal(err)
	}
}

func item(target, object string) Item {
	return Item{Target: target, Kind: "sr", MediaType: "application/dicom", Object: object, Data: []byte("data of " + object)}
}

// peer is a target that does as it is told.
type peer struct {
	mu     sync.Mutex
	got    []string
	answer func(data string) error
}

func (p *peer) Send(_ context.Context, it Item) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer != nil {
		if err := p.answer(string(it.Data)); err != nil {
			return err
		}
	}
	p.got = append(p.got, string(it.Data))
	return nil
}

func (p *peer) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// run delivers in the background until the function that it returns is called.
func run(b *Outbox, d Delivery) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx, d)
	}()
	return func() {
		cancel()
		<-done
	}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is never so: %s", what)
		}
	}
}

func TestItemsArriveInTheirOrderAndOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	b, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 20 {
		object := fmt.Sprintf("%02d", i)
		put(t, b, item("pacs", object), item("archive", object))
		put(t, b, item("pacs", object), item("archive", object)) // a film that is sent twice
		want = append(want, "data of "+object)
	}
	s := b.State()
	if len(s.Targets) != 2 || s.Targets[0].Target != "archive" || s.Targets[0].Items != 20 || s.Targets[1].Items != 20 ||
		time.Since(s.Targets[0].Oldest) > time.Minute || s.Bytes != s.Targets[0].Bytes+s.Targets[1].Bytes || s.Bytes < 40*int64(len(want[0])) {
		t.Errorf("%+v", s)
	}
	pacs, archive := &peer{}, &peer{}
	stop := run(b, Delivery{Senders: map[string]Sender{"pacs": pacs, "archive": archive}})
	until(t, "all is delivered", func() bool { return len(pacs.all()) >= 20 && len(archive.all()) >= 20 && b.State().Bytes == 0 })
	put(t, b, item("pacs", "07"), item("pacs", "20")) // the first was delivered already
	until(t, "another is delivered", func() bool { return len(pacs.all()) > 20 })
	stop()
	if !slices.Equal(pacs.all(), append(want, "data of 20")) || !slices.Equal(archive.all(), want) {
		t.Errorf("%q, %q", pacs.all(), archive.all())
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, Options{}) // what was delivered is remembered on disk
	put(t, again, item("pacs", "07"), item("archive", "20"))
	if s := again.State(); s.Targets[0].Items != 1 || len(s.Targets) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsPutIsThereAfterAStart(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		put(t, b, item("pacs", fmt.Sprint(i)))
	}
	before := b.State()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(item("pacs", "late")); !errors.Is(err, ErrClosed) {
		t.Errorf("put into a closed one: %v", err)
	}
	b = open(t, dir, Options{})
	if after := b.State(); after.Targets[0] != before.Targets[0] || after.Bytes != before.Bytes {
		t.Errorf("%+v, before %+v", after, before)
	}
	p := &peer{}
	defer run(b, Delivery{Senders: map[string]Sender{"pacs": p}})()
	until(t, "all is delivered", func() bool { return len(p.all()) == 5 })
	if got := p.all(); !slices.IsSorted(got) {
		t.Errorf("%q", got)
	}
}

func TestOneProcessHasADirectory(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrTaken) {
		t.Errorf("%v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
}

func TestAFullOutboxTakesNothing(t *testing.T) {
	b := open(t, t.TempDir(), Options{MaxItems: 2})
	put(t, b, item("pacs", "1"))
	if err := b.Put(item("pacs", "2"), item("pacs", "3")); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if s := b.State(); s.Targets[0].Items != 1 {
		t.Errorf("one of two was taken: %+v", s)
	}
	put(t, b, item("pacs", "2"))
	put(t, b, item("pacs", "1"), item("pacs", "2")) // these are there

	b = open(t, t.TempDir(), Options{MaxBytes: 1000})
	big := item("pacs", "big")
	big.Data = make([]byte, 1000)
	if err := b.Put(big); !errors.Is(err, ErrFull) || b.State().Bytes != 0 {
		t.Errorf("%v, %d bytes", err, b.State().Bytes)
	}
}

// TestAnItemThatCannotBeWrittenLeavesNothing has a directory in the way of the second of two files.
func TestAnItemThatCannotBeWrittenLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	if err := os.MkdirAll(filepath.Join(b.path(queueDir, keyOf("pacs", "2")), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(item("pacs", "1"), item("pacs", "2")); err == nil {
		t.Fatal("it was written")
	}
	if s := b.State(); s.Bytes != 0 || len(s.Targets) != 0 {
		t.Errorf("%+v", s)
	}
	if files, _ := os.ReadDir(filepath.Join(dir, queueDir)); len(files) != 1 {
		t.Errorf("%v is left", files)
	}
	put(t, b, item("pacs", "1"))
}

func TestTwoPutsOfOneItemBothWaitUntilItIsSafe(t *testing.T) {
	b := open(t, t.TempDir(), Options{})
	var puts sync.WaitGroup
	for range 16 {
		puts.Go(func() {
			for i := range 20 {
				if err := b.Put(item("pacs", fmt.Sprint(i)), item("pacs", fmt.Sprint(19-i))); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(b.path(queueDir, keyOf("pacs", fmt.Sprint(i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	puts.Wait()
	if s := b.State(); s.Targets[0].Items != 20 {
		t.Errorf("%+v", s)
	}
}

// TestNamesTellNothing: neither a file's name nor who may read it tells of a patient.
func TestNamesTellNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	b := open(t, dir, Options{})
	put(t, b, item("pacs", "1.2.840.113619.DOE^JOHN"))
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want || strings.Contains(path, "DOE") || strings.Contains(path, "1.2.840") {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if data, err := os.ReadFile(path); !d.IsDir() && (err != nil || bytes.Contains(data[:max(0, len(data)-60)], []byte("DOE"))) {
			t.Errorf("%s: %v %q", path, err, data)
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%v, %d files", err, files)
	}
}

func TestAwayTargetsAreTriedMoreAndMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Open(t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, item("pacs", "1"), item("pacs", "2"))
		var tries []time.Duration
		began := time.Now()
		p := &peer{answer: func(string) error {
			tries = append(tries, time.Since(began))
			return errors.New("connection refused")
		}}
		stop := run(b, Delivery{Senders: map[string]Sender{"pacs": p}})
		time.Sleep(4 * time.Hour)
		p.mu.Lock()
		p.answer = nil
		p.mu.Unlock()
		time.Sleep(5*time.Minute + time.Second)
		stop()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if len(p.got) != 2 || p.got[0] != "data of 1" {
			t.Errorf("%q arrived", p.got)
		}
		for i := 1; i < len(tries); i++ {
			most := min(time.Second<<min(i-1, 20), 5*time.Minute)
			if wait := tries[i] - tries[i-1]; wait < most/2 || wait > most {
				t.Errorf("wait %d was %v, %v to %v is expected", i, wait, most/2, most)
			}
		}
		if len(tries) < 48 || len(tries) > 110 {
			t.Errorf("%d tries in four hours", len(tries))
		}
	})
}

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

func TestADroppedItemIsGone(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	put(t, b, item("pacs", "1"), item("pacs", "2"))
	for _, object := range []string{"1", "2"} {
		if err := Drop(dir, keyOf("pacs", object).String()); err != nil {
			t.Fatal(err)
		}
	}
	put(t, b, item("pacs", "1")) // sent again before anybody looked
	p := &peer{}
	stop := run(b, Delivery{Senders: map[string]Sender{"pacs": p}, Look: time.Millisecond})
	defer stop()
	until(t, "nothing waits", func() bool { return b.State().Targets[0].Items == 0 })
	if got := p.all(); !slices.Equal(got, []string{"data of 1"}) {
		t.Errorf("%q", got)
	}
}

func TestDamagedFilesArePutAside(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"cut in the header": func(b []byte) []byte { return b[:30] },
		"cut in the data":   func(b []byte) []byte { return b[:len(b)-6] },
		"longer":            func(b []byte) []byte { return append(b, 0) },
		"another header":    func(b []byte) []byte { b[fixed+3] ^= 1; return b },
		"other data":        func(b []byte) []byte { b[len(b)-7] ^= 1; return b },
		"zeros":             func(b []byte) []byte { clear(b); return b },
		"a huge length":     func(b []byte) []byte { b[len(magic)+4] = 0x7f; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := Open(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, b, item("pacs", "1"), item("pacs", "2"))
			path := b.path(queueDir, keyOf("pacs", "1"))
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, spoil(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			b = open(t, dir, Options{})
			p := &peer{}
			stop := run(b, Delivery{Senders: map[string]Sender{"pacs": p}})
			until(t, "the other is delivered", func() bool { return len(p.all()) == 1 && b.State().Damaged == 1 })
			stop()
			if got := p.all(); got[0] != "data of 2" {
				t.Errorf("%q", got)
			}
			if list, err := List(dir); err != nil || len(list) != 1 || list[0].State != StateDamaged {
				t.Errorf("%v, %+v", err, list)
			}
			put(t, b, item("pacs", "1")) // sent again
			if s := b.State(); s.Targets[0].Items != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestWhatIsBeingSentIsFinished: a delivery that ends waits for what is under way, but not for ever.
func TestWhatIsBeingSentIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, item("slow", "1"), item("stuck", "1"))
		stop := run(b, Delivery{Senders: map[string]Sender{"slow": sendFunc(func(context.Context, Item) error {
			time.Sleep(5 * time.Second)
			return nil
		}), "stuck": sendFunc(func(ctx context.Context, _ Item) error {
			<-ctx.Done()
			return ctx.Err()
		})}, Grace: 10 * time.Second})
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		if s := b.State().Targets; s[0].Items != 0 || s[1].Items != 1 {
			t.Errorf("%+v", s)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

type sendFunc func(context.Context, Item) error

func (f sendFunc) Send(ctx context.Context, it Item) error { return f(ctx, it) }

func TestTheMemoryOfDeliveriesIsBounded(t *testing.T) {
	dir := t.TempDir()
	d, err := openDelivered(dir, 80)
	if err != nil {
		t.Fatal(err)
	}
	key := func(i int) Key { return keyOf("pacs", fmt.Sprint(i)) }
	const n = 500
	check := func() {
		t.Helper()
		for i := range n {
			if d.has(key(i)) != (i >= n-80+(n-80)%10) {
				t.Fatalf("%d of %d: %v", i, n, d.has(key(i)))
			}
		}
	}
	for i := range n {
		if err := d.add(key(i)); err != nil {
			t.Fatal(err)
		}
		if !d.has(key(i)) {
			t.Fatal(i)
		}
	}
	check()
	_ = d.file.Close()
	if d, err = openDelivered(dir, 80); err != nil {
		t.Fatal(err)
	}
	check()
	// A torn record is passed over and written over.
	if err := os.Truncate(filepath.Join(dir, d.name(d.number)), d.length-5); err != nil {
		t.Fatal(err)
	}
	_ = d.file.Close()
	if d, err = openDelivered(dir, 80); err != nil || d.has(key(n-1)) || !d.has(key(n-2)) {
		t.Fatal(err, d.has(key(n-1)), d.has(key(n-2)))
	}
	if err := d.add(key(n)); err != nil {
		t.Fatal(err)
	}
	_ = d.file.Close()
	if d, err = openDelivered(dir, 80); err != nil || !d.has(key(n)) {
		t.Fatal(err)
	}
	_ = d.file.Close()
	if files, _ := os.ReadDir(dir); len(files) > segments {
		t.Errorf("%d files", len(files))
	}
}

// FuzzFiles reads what may lie in a directory.
func FuzzFiles(f *testing.F) {
	before, after, err := encode(header{Target: "pacs", Kind: "sr", MediaType: "application/dicom"}, []byte("data"))
	if err != nil {
		f.Fatal(err)
	}
	whole := slices.Concat(before, []byte("data"), after)
	f.Add(whole)
	f.Add(whole[:fixed])
	f.Add([]byte(magic + "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff"))
	path := filepath.Join(f.TempDir(), "item")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		it, err := readItem(path, 1<<20)
		if err != nil && !errors.Is(err, errDamaged) {
			t.Error(err)
		}
		if err == nil && !bytes.Contains(data, it.Data) {
			t.Errorf("%q", it.Data)
		}
	})
}
