package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/durable"
)

// named is a list of names.
type named []string

func (n named) List(add func(written, path string) bool) error {
	for _, name := range n {
		if !add(name, "at/"+name) {
			break
		}
	}
	return nil
}

func (n named) Settings() ([]Setting, error) {
	return []Setting{{"names", strings.Join(n, " ")}}, nil
}

func names(n int) (all named) {
	for i := range n {
		all = append(all, fmt.Sprintf("film %d\n.dcm", i))
	}
	return all
}

func open(t *testing.T, o Options) *Job {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// rowOf is a row of any length, as answers are.
func rowOf(e Entry) []byte {
	return fmt.Appendf(nil, "%d %q %s\n", e.Index, e.Path, strings.Repeat("x", e.Index*37%4000))
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wholeOf is what the output of a list is in the end.
func wholeOf(head string, all named, holds func(string) bool) []byte {
	out := []byte(head)
	for i, name := range all {
		if holds(name) {
			out = append(out, rowOf(Entry{Path: "at/" + name, Index: i})...)
		}
	}
	return out
}

func every(string) bool { return true }

// TestABatchThatEndsAnywhereGoesOnToTheSameOutput ends a batch without a word, again and again, and spoils what a killed or
// powered-off process may leave behind.
func TestABatchThatEndsAnywhereGoesOnToTheSameOutput(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	all := names(300)
	for range 4 {
		out := filepath.Join(t.TempDir(), "out")
		o := Options{Out: out, Inputs: all, Head: []byte("head\n"), Settings: []Setting{{"model", "a"}}}
		opened := 0
		for complete := false; !complete; opened++ {
			j := open(t, o)
			left := random.IntN(200)
			ended := false
			for e := range j.Rest() {
				if ended = left == 0; ended {
					break
				}
				left--
				if err := j.Append(e, rowOf(e), map[bool]string{true: "damaged"}[e.Index%10 == 0]); err != nil {
					t.Fatal(err)
				}
				if random.IntN(60) == 0 {
					if err := j.Save(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if ended {
				if random.IntN(2) == 0 { // what the buffer had may have reached the file, or a part of it
					_ = j.rows.Flush()
					if size := j.state.Bytes; random.IntN(2) == 0 && size > savedBytes(t, out) {
						if err := os.Truncate(out, savedBytes(t, out)+random.Int64N(size-savedBytes(t, out))); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(out+Suffix, stateFile+".part"), []byte(`{"rows":`), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := j.Publish(nil); err != nil {
				t.Fatal(err)
			}
			complete = j.Complete()
			if j.Rows() != 300 || j.Pictures() != 300 || j.Failed()["damaged"] != 30 {
				t.Errorf("%d of %d rows, failed %v", j.Rows(), j.Pictures(), j.Failed())
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := content(t, out); !bytes.Equal(got, wholeOf("head\n", all, every)) {
			t.Fatalf("after %d openings the output differs: %d bytes", opened, len(got))
		}
	}
}

func savedBytes(t *testing.T, out string) int64 {
	t.Helper()
	var n int64
	text := string(content(t, filepath.Join(out+Suffix, stateFile)))
	if _, after, found := strings.Cut(text, `"bytes":`); found {
		_, _ = fmt.Sscan(strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return ' '
			}
			return r
		}, after), &n)
	}
	return n
}

// finish makes the rows that are missing.
func finish(t *testing.T, j *Job, convert func(io.Reader, io.Writer) error) {
	t.Helper()
	for e := range j.Rest() {
		if err := j.Append(e, rowOf(e), ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(j.Publish(convert), j.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestACompleteBatchIsLeftAlone(t *testing.T) {
	o := Options{Out: filepath.Join(t.TempDir(), "out"), Inputs: names(3)}
	finish(t, open(t, o), nil)
	want := content(t, o.Out)
	j := open(t, o)
	for range j.Rest() {
		t.Error("there is work")
	}
	if err := errors.Join(j.Save(), j.Publish(nil), j.Close()); err != nil || !j.Complete() || j.Rows() != 3 {
		t.Errorf("%v, %d rows", err, j.Rows())
	}
	if !bytes.Equal(content(t, o.Out), want) {
		t.Error("the output changed")
	}
	if err := os.Remove(o.Out); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrDamaged) {
		t.Errorf("without its output: %v", err)
	}
}

func TestABatchGoesOnOnlyAsItWasBegun(t *testing.T) {
	dir := t.TempDir()
	begun := Options{Out: filepath.Join(dir, "out"), Inputs: names(5), Settings: []Setting{{"model", "a 1"}, {"gate", "flag"}}, Shard: Shard{1, 2}, Limit: 4}
	if err := open(t, begun).Close(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Options){
		`model "a 1", and not with model "a 2"`: func(o *Options) { o.Settings = []Setting{{"model", "a 2"}, {"gate", "flag"}} },
		`not with nothing more`:                 func(o *Options) { o.Settings = o.Settings[:1] },
		`with nothing more, and not`:            func(o *Options) { o.Settings = append(slices.Clip(o.Settings), Setting{"steps", "1"}) },
		`shard "1/2", and not with shard "0/2"`: func(o *Options) { o.Shard = Shard{0, 2} },
		`limit "4"`:                             func(o *Options) { o.Limit = 0 },
		`names "film`:                           func(o *Options) { o.Inputs = names(6) },
	} {
		o := begun
		change(&o)
		if _, err := Open(o); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, expected %s", err, says)
		}
	}
	o := begun
	o.Inputs, o.Shard, o.Limit = nil, Shard{}, 0
	finish(t, open(t, o), nil)
	want, left := []byte(nil), 4
	for i, name := range names(5) {
		if (Shard{1, 2}).Holds(name) && left > 0 {
			left--
			want = append(want, rowOf(Entry{Path: "at/" + name, Index: i})...)
		}
	}
	if got := content(t, o.Out); !bytes.Equal(got, want) {
		t.Errorf("by its own list: %q, want %q", got, want)
	}
}

func TestWhatIsNotABatchsIsRefused(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	if _, err := Open(Options{Out: out}); err == nil || !strings.Contains(err.Error(), "no batch was begun") {
		t.Errorf("nothing to go on with: %v", err)
	}
	if err := os.WriteFile(out, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Out: out, Inputs: names(1)}); err == nil || !strings.Contains(err.Error(), "already exists") || string(content(t, out)) != "mine" {
		t.Errorf("another's file: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("refusals left %v, %v", entries, err)
	}
	if _, err := Open(Options{Out: filepath.Join(dir, "none"), Inputs: named{}}); err == nil || !strings.Contains(err.Error(), "no pictures") {
		t.Errorf("an empty list: %v", err)
	}
	for _, path := range []string{"", "a\x00b", strings.Repeat("x", MaxPath+1)} {
		if _, err := Open(Options{Out: filepath.Join(dir, "odd"), Inputs: odd(path)}); err == nil || !strings.Contains(err.Error(), "1 to 32768 bytes") {
			t.Errorf("a path of %d bytes: %v", len(path), err)
		}
	}
	o := Options{Out: filepath.Join(dir, "taken"), Inputs: names(1)}
	j := open(t, o)
	if _, err := Open(o); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("twice at a time: %v", err)
	}
	if err := j.Append(Entry{at: 1}, nil, ""); err == nil {
		t.Error("a row out of turn")
	}
	if err := j.Publish(nil); err == nil {
		t.Error("a batch without its rows is complete")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// odd is a list of one path.
type odd string

func (o odd) List(add func(written, path string) bool) error { add(string(o), string(o)); return nil }
func (o odd) Settings() ([]Setting, error)                   { return nil, nil }

func TestChangedFilesAreNoticed(t *testing.T) {
	for name, spoil := range map[string]func(out string) error{
		"row changed":      func(out string) error { return change(out, func(b []byte) []byte { b[3] ^= 1; return b }) },
		"output too short": func(out string) error { return change(out, func(b []byte) []byte { return b[:len(b)-1] }) },
		"output gone":      os.Remove,
		"list changed": func(out string) error {
			return change(filepath.Join(out+Suffix, listFile), func(b []byte) []byte { b[3] ^= 1; return b })
		},
		"list longer": func(out string) error {
			return change(filepath.Join(out+Suffix, listFile), func(b []byte) []byte { return append(b, "9 x\x00"...) })
		},
		"state no JSON": func(out string) error { return os.WriteFile(filepath.Join(out+Suffix, stateFile), []byte("{"), 0o644) },
		"state negative": func(out string) error {
			return os.WriteFile(filepath.Join(out+Suffix, stateFile), []byte(`{"rows":-1}`), 0o644)
		},
		"state beyond": func(out string) error {
			return os.WriteFile(filepath.Join(out+Suffix, stateFile), []byte(`{"rows":99}`), 0o644)
		},
		"another format": func(out string) error {
			return os.WriteFile(filepath.Join(out+Suffix, jobFile), []byte(`{"format":2,"pictures":9}`), 0o644)
		},
	} {
		o := Options{Out: filepath.Join(t.TempDir(), "out"), Inputs: names(9)}
		j := open(t, o)
		for e := range j.Rest() {
			if e.Index == 5 {
				break
			}
			if err := j.Append(e, rowOf(e), ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(j.Save(), j.Close(), spoil(o.Out)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(o); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func change(path string, by func([]byte) []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, by(text), 0o644)
}

func TestAnOutputApartIsMadeAtTheEnd(t *testing.T) {
	o := Options{Out: filepath.Join(t.TempDir(), "out"), Inputs: names(9), Apart: true}
	j := open(t, o)
	for e := range j.Rest() {
		if err := j.Append(e, rowOf(e), ""); err != nil {
			t.Fatal(err)
		}
	}
	full := errors.New("full")
	if err := j.Publish(func(io.Reader, io.Writer) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(o.Out); err == nil || j.Close() != nil {
		t.Error("half an output is there")
	}
	finish(t, open(t, o), func(rows io.Reader, to io.Writer) error {
		text, err := io.ReadAll(rows)
		if err == nil {
			_, err = to.Write(bytes.ToUpper(text))
		}
		return err
	})
	if !bytes.Equal(content(t, o.Out), bytes.ToUpper(wholeOf("", names(9), every))) {
		t.Error("the output is another")
	}
	if _, err := os.Lstat(filepath.Join(o.Out+Suffix, rowsFile)); err == nil {
		t.Error("the rows are still there")
	}
	if j := open(t, o); !j.Complete() || j.Close() != nil {
		t.Error("it is not complete")
	}
}

func TestShardsHoldEachPictureOnce(t *testing.T) {
	all := names(1000)
	for _, n := range []int{1, 2, 7} {
		index := map[string]bool{}
		for i := range n {
			o := Options{Out: filepath.Join(t.TempDir(), "out"), Inputs: all, Shard: Shard{i, n}}
			finish(t, open(t, o), nil)
			got := content(t, o.Out)
			if want := wholeOf("", all, o.Shard.Holds); !bytes.Equal(got, want) {
				t.Errorf("%v: %d bytes, want %d", o.Shard, len(got), len(want))
			}
			for line := range strings.Lines(string(got)) {
				number, _, _ := strings.Cut(line, " ")
				if index[number] {
					t.Errorf("%v: picture %s again", o.Shard, number)
				}
				index[number] = true
			}
		}
		if len(index) != len(all) {
			t.Errorf("%d shards have %d of %d pictures", n, len(index), len(all))
		}
	}
	// python3 -c 'import hashlib; print(int.from_bytes(hashlib.sha256(b"films/7.dcm").digest()[:8], "big") % 16)'
	if !(Shard{9, 16}).Holds("films/7.dcm") {
		t.Error("another shard than the documented one")
	}
	empty := Options{Out: filepath.Join(t.TempDir(), "out"), Inputs: named{"a"}, Head: []byte("h\n")}
	if empty.Shard = (Shard{0, 2}); empty.Shard.Holds("a") {
		empty.Shard.I = 1
	}
	finish(t, open(t, empty), nil)
	if got := content(t, empty.Out); string(got) != "h\n" {
		t.Errorf("an empty shard: %q", got)
	}
}

func TestShardsAreReadStrictly(t *testing.T) {
	for text, want := range map[string]Shard{"0/1": {0, 1}, "3/4": {3, 4}} {
		var s Shard
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "1/1", "-1/2", "0/0", "0/-1", "a/b", "0/2/3", "0/9999999"} {
		if err := new(Shard).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a shard", text)
		}
	}
}
