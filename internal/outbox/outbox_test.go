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
		time.Since(s.Targets[0].Oldest) > time.Minute || s.Bytes < 40*int64(len(want[0])) {
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
