package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a journal of three segments, and its files.
func small(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 800})
	for i := range 2 {
		add(t, j, answered(i))
	}
	add(t, j, refused(9))
	closed(t, j)
	v, _ := whole(t, dir)
	if v.Segments < 3 {
		t.Fatalf("%+v", v)
	}
	segments, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		files = append(files, s.path)
	}
	return dir, files
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// impatient has no reader wait for a writer, of which there is none.
func impatient(t *testing.T) {
	before := lookAgain
	lookAgain = 0
	t.Cleanup(func() { lookAgain = before })
}

// TestEveryByteThatIsChangedIsFound changes each byte of a journal, in one of three ways, and each of its last line in all of them.
func TestEveryByteThatIsChangedIsFound(t *testing.T) {
	impatient(t)
	dir, files := small(t)
	bytesSeen := 0
	for _, path := range files {
		good := read(t, path)
		for i := range good {
			for way, other := range []byte{good[i] ^ 1, good[i] ^ 0x20, '\n'} {
				if other == good[i] || way != i%3 && !(path == files[len(files)-1] && i > len(good)-100) {
					continue
				}
				bad := bytes.Clone(good)
				bad[i] = other
				put(t, path, bad)
				if v, err := Verify(t.Context(), dir, nil); err != nil || v.Faulty == 0 || v.Whole() {
					t.Fatalf("%s, byte %d is %q in place of %q: %v, %+v", filepath.Base(path), i, other, good[i], err, v)
				}
			}
			bytesSeen++
		}
		put(t, path, good)
	}
	whole(t, dir)
	t.Logf("%d bytes", bytesSeen)
}

// TestEveryEndThatIsCutIsFound cuts the journal at each byte: what is left is good up to its last whole record, and the next start
// goes on there and says what it cut.
func TestEveryEndThatIsCutIsFound(t *testing.T) {
	impatient(t)
	dir, files := small(t)
	last := files[len(files)-1]
	good := read(t, last)
	for n := range good {
		put(t, last, good[:n])
		v, err := Verify(t.Context(), dir, nil)
		records := bytes.Count(good[:n], []byte("\n"))
		left := n - (bytes.LastIndexByte(good[:n], '\n') + 1)
		if err != nil || v.Faulty > 0 || int(v.Unfinished) != left || v.Whole() != (left == 0) {
			t.Fatalf("cut at byte %d: %v, %+v", n, err, v)
		}
		if n%29 > 0 && left > 0 && n < len(good)-3 { // a start takes time
			continue
		}
		j := open(t, dir, Options{})
		add(t, j, answered(77))
		closed(t, j)
		after, all := whole(t, dir)
		finished := left > 0 && good[n] == '\n' // it lacked no more than its line's end
		cut := all[v.Records].Event
		if finished {
			cut, records = all[v.Records+1].Event, records+1
		}
		switch {
		case (cut.Cut != nil) != (left > 0 && !finished), after.Records != v.Records+3+uint64(records-bytes.Count(good[:n], []byte("\n"))):
			t.Fatalf("cut at byte %d: %+v, %+v", n, cut, after)
		case cut.Cut != nil && cut.Cut.Bytes != int64(left):
			t.Fatalf("cut at byte %d: %+v", n, cut.Cut)
		}
		for _, s := range files[:len(files)-1] {
			if _, err := os.Stat(s); err != nil {
				t.Fatal(err)
			}
		}
		segments, _ := list(dir)
		for _, s := range segments[len(files):] {
			_ = os.Remove(s.path)
		}
	}
}

// TestADamagedJournalIsNotWrittenTo: a writer would hide the damage, or cut records off that were good.
func TestADamagedJournalIsNotWrittenTo(t *testing.T) {
	impatient(t)
	for name, spoil := range map[string]func(t *testing.T, files []string){
		"a byte of the last record": func(t *testing.T, files []string) {
			data := read(t, files[len(files)-1])
			data[len(data)-200] ^= 1
			put(t, files[len(files)-1], data)
		},
		"the last line's end": func(t *testing.T, files []string) {
			data := read(t, files[len(files)-1])
			data[len(data)-1] = 'x'
			put(t, files[len(files)-1], data)
		},
		"a byte of the last segment's first record": func(t *testing.T, files []string) {
			data := read(t, files[len(files)-1])
			data[100] ^= 1
			put(t, files[len(files)-1], data)
		},
		"the end of the segment before": func(t *testing.T, files []string) {
			data := read(t, files[len(files)-2])
			put(t, files[len(files)-2], data[:len(data)-9])
		},
		"a segment less": func(t *testing.T, files []string) {
			if err := os.Remove(files[len(files)-2]); err != nil {
				t.Fatal(err)
			}
		},
		"a record twice": func(t *testing.T, files []string) {
			data := read(t, files[len(files)-1])
			put(t, files[len(files)-1], append(data, data...))
		},
		"something else behind the end": func(t *testing.T, files []string) {
			put(t, files[len(files)-1], append(read(t, files[len(files)-1]), "something else\n"...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, files := small(t)
			spoil(t, files)
			before := map[string][]byte{}
			for _, f := range files {
				before[f], _ = os.ReadFile(f)
			}
			if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
				t.Errorf("it opens: %v", err)
			}
			for f, data := range before {
				if after, err := os.ReadFile(f); !bytes.Equal(after, data) || err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s was changed", f)
				}
			}
			if v, err := Verify(t.Context(), dir, nil); err != nil || v.Faulty == 0 || v.Faults[0].Text == "" {
				t.Errorf("%v, %+v", err, v)
			}
		})
	}
}

// TestZerosAtTheEndAreCut: a machine that loses power may leave them.
func TestZerosAtTheEndAreCut(t *testing.T) {
	impatient(t)
	dir, files := small(t)
	last := files[len(files)-1]
	good := read(t, last)
	put(t, last, append(bytes.Clone(good), make([]byte, 5000)...))
	if v, err := Verify(t.Context(), dir, nil); err != nil || v.Faulty > 0 || v.Unfinished != 5000 {
		t.Errorf("%v, %+v", err, v)
	}
	j := open(t, dir, Options{})
	closed(t, j)
	if v, _ := whole(t, dir); v.Cuts != 1 {
		t.Errorf("%+v", v)
	}
}

func TestRecordsThatAreTakenAwayAreMissed(t *testing.T) {
	dir, files := small(t)
	_, all := whole(t, dir)
	for _, c := range []struct {
		says string
		do   func()
	}{
		{"are missing, and no record says", func() { _ = os.Remove(files[0]) }},
		{"missing or out of order", func() {
			_ = os.Remove(files[1])
		}},
		{"missing or out of order", func() {
			lines := bytes.SplitAfter(read(t, files[0]), []byte("\n"))
			put(t, files[0], bytes.Join(lines[:len(lines)-2], nil))
		}},
	} {
		copies := map[string][]byte{}
		for _, f := range files {
			copies[f] = read(t, f)
		}
		c.do()
		v, err := Verify(t.Context(), dir, nil)
		if err != nil || v.Faulty == 0 || !strings.Contains(v.Faults[0].Text, c.says) {
			t.Errorf("%v, %+v, expected %q", err, v, c.says)
		}
		for f, data := range copies {
			put(t, f, data)
		}
	}
	// A record that somebody writes anew with a right hash of its own has not the one that the next one names.
	r := all[1].Record
	r.Asked.Caller = "10.0.0.1/32"
	line, _, err := r.appendLine(nil)
	if err != nil {
		t.Fatal(err)
	}
	data := read(t, files[0])
	put(t, files[0], bytes.Replace(data, append(all[1].Line, '\n'), line, 1))
	if v, err := Verify(t.Context(), dir, nil); err != nil || v.Faulty != 1 || !strings.Contains(v.Faults[0].Text, "one of them was changed") {
		t.Errorf("%v, %+v", err, v)
	}
}

func TestAWriterInTheMidstOfARecordIsWaitedFor(t *testing.T) {
	dir, files := small(t)
	last := files[len(files)-1]
	good := read(t, last)
	put(t, last, good[:len(good)-10])
	go func() {
		time.Sleep(50 * time.Millisecond)
		f, err := os.OpenFile(last, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, _ = f.Write(good[len(good)-10:])
			_ = f.Close()
		}
	}()
	whole(t, dir)
}

// FuzzParse reads lines that anybody may have written.
func FuzzParse(f *testing.F) {
	for _, e := range []Entry{answered(1), refused(2)} {
		r := Record{Version: version, Seq: 7, Kind: KindAnswer, Asked: e.Asked, Answer: e.Answer, Problem: e.Problem}
		if e.Problem != nil {
			r.Kind = KindProblem
		}
		line, _, err := r.appendLine(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line[:len(line)-1])
	}
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(hashOpens + strings.Repeat("0", 64) + hashCloses))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsRune(line, '\n') {
			return
		}
		for _, text := range [][]byte{line, sealed(line)} {
			r, sum, err := Parse(text)
			if err != nil {
				continue
			}
			again, sumAgain, err := r.appendLine(nil)
			if err != nil || !bytes.Equal(again, append(bytes.Clone(text), '\n')) || sumAgain != sum {
				t.Errorf("%q is read, and written as %q", text, again)
			}
			r.Replayable()
			if r.Answer != nil {
				Compare(r.Answer, r.Answer)
			}
		}
	})
}

// FuzzSegments reads a file of a journal that anybody may have written.
func FuzzSegments(f *testing.F) {
	var lines []byte
	prev := Hash{}
	for i := range 3 {
		e := answered(i)
		r := Record{Version: version, Seq: uint64(i + 1), Prev: prev, Kind: KindAnswer, Asked: e.Asked, Answer: e.Answer}
		var err error
		if lines, prev, err = r.appendLine(lines); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(lines)
	f.Add(lines[:len(lines)-3])
	f.Add(bytes.Repeat([]byte("\n"), 10))
	f.Add(append(bytes.Clone(lines), make([]byte, 100)...))
	lookAgain = 0
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		put(t, segmentPath(dir, 1), data)
		v, err := Verify(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := writer{dir: dir, options: &Options{}}
		*w.options = w.options.withDefaults()
		opened := w.recover()
		defer w.close()
		switch {
		case opened == nil && v.Faulty > 0 && v.Faults[0].Text != "the first record names another before it":
			t.Errorf("it is written to although %+v", v.Faults)
		case opened != nil && v.Faulty == 0:
			t.Errorf("nothing is wrong with it, and %v", opened)
		case opened == nil && v.Faulty == 0 && (w.head.Seq < v.Last || w.head.Seq > v.Last+1):
			t.Errorf("it goes on behind record %d, and the last is %d", w.head.Seq, v.Last)
		}
	})
}

// sealed is a line with the hash that it should have, or what would be one.
func sealed(line []byte) []byte {
	cut := len(line) - hashLength
	if cut < 1 {
		return line
	}
	body := append(bytes.Clone(line[:cut]), '}')
	sum := Hash(sha256.Sum256(body))
	return slices.Concat(line[:cut], []byte(hashOpens), []byte(sum.String()), []byte(hashCloses))
}
