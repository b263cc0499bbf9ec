package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Fault is a place where a journal is not as it was written.
type Fault struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"` // in bytes
	Text   string `json:"text"`
}

// maxFaults bounds those that are told.
const maxFaults = 100

// Verification is what reading a journal from its beginning to its end found.
type Verification struct {
	Segments int    `json:"segments"`
	Bytes    int64  `json:"bytes"`
	Records  uint64 `json:"records"`
	// First and Last are the numbers of the first and the last record, and From and To when they were written.
	First uint64    `json:"first"`
	Last  uint64    `json:"last"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`
	// Head is the receipt of the last record, "" without one.
	Head string `json:"head"`
	// Kinds counts the records by kind.
	Kinds map[Kind]uint64 `json:"kinds"`
	// Crashes counts starts of a process before which none had ended in order, and Cuts those that had to cut the journal's end.
	Crashes int `json:"crashes"`
	Cuts    int `json:"cuts"`
	// Backwards counts records that are more than a second earlier than the one before.
	Backwards int `json:"backwards"`
	// Unfinished is how many bytes follow the last whole record. They are a write that was broken off, or one that goes on.
	Unfinished int64 `json:"unfinished"`
	// Faults are where the journal is damaged or was changed; Faulty is how many there are.
	Faults []Fault `json:"faults"`
	Faulty int     `json:"faulty"`
}

// Whole tells whether every record is as it was written, none is missing, and the last is finished.
func (v *Verification) Whole() bool { return v.Faulty == 0 && v.Unfinished == 0 }

// Seen is a record as it is read, with its hash and its line, which is valid until the next.
type Seen struct {
	Record
	Hash Hash
	Line []byte
}

// Receipt is the record's.
func (s *Seen) Receipt() Receipt { return Receipt{s.Seq, s.Hash} }

// walker checks records in their order.
type walker struct {
	v        Verification
	dir      string
	see      func(Seen) error
	last     Receipt // of the record before, zero for none
	anywhere bool    // what was there before is not known: any number and hash may come next
	lastAt   time.Time
	running  bool // a process began and did not end
	retired  map[Receipt]bool
	began    Receipt // what the first record follows
}

// Verify reads a whole journal and checks every record, its order and its place in the chain. A server may write to it meanwhile.
// see, if not nil, gets each good record; its error ends the reading. What is wrong with the journal is in the verification; an
// error is one of reading.
func Verify(ctx context.Context, dir string, see func(Seen) error) (Verification, error) {
	segments, err := list(dir)
	if err != nil {
		return Verification{}, err
	}
	w := &walker{v: Verification{Kinds: map[Kind]uint64{}, Faults: []Fault{}}, dir: dir, see: see, anywhere: true, retired: map[Receipt]bool{}}
	for i, s := range segments {
		if err := w.segment(ctx, s, i == len(segments)-1); err != nil {
			return w.v, err
		}
	}
	w.end()
	return w.v, nil
}

func (w *walker) fault(path string, at int64, format string, args ...any) {
	if w.v.Faulty++; len(w.v.Faults) < maxFaults {
		w.v.Faults = append(w.v.Faults, Fault{filepath.Base(path), at, fmt.Sprintf(format, args...)})
	}
}

// A writer may be in the midst of a record when its end is read. It is read again so often, at such intervals.
const looks = 20

var lookAgain = 20 * time.Millisecond

// segment checks one file.
func (w *walker) segment(ctx context.Context, s segment, last bool) error {
	f, err := os.Open(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s was removed while the journal was read; read it again: %w", s.path, err)
	} else if err != nil {
		return err
	}
	defer f.Close()
	w.v.Segments++
	first, again := true, 0
	in := newLines(f)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, at, whole, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			w.v.Bytes += at
			return nil
		case err != nil && !errors.Is(err, errTooLong):
			return err
		case !whole && last && again < looks && endOf(line, err).torn():
			again++
			time.Sleep(lookAgain)
			if _, err := f.Seek(at, io.SeekStart); err != nil {
				return err
			}
			in = newLines(f)
			in.at = at
			continue
		case !whole && last && endOf(line, err).torn():
			w.v.Unfinished, w.v.Bytes = in.at-at, w.v.Bytes+in.at
			return nil
		}
		again = 0
		var r Record
		var sum Hash
		if err == nil {
			if r, sum, err = Parse(line); err == nil && !whole {
				err = fmt.Errorf("record %d has no end of line", r.Seq)
			}
		}
		if err != nil {
			w.fault(s.path, at, "after record %d: %v", w.last.Seq, err)
			w.anywhere = true
			first = false
			continue
		}
		if first && r.Seq != s.first {
			w.fault(s.path, at, "it begins with record %d, and should with %d, as its name says", r.Seq, s.first)
		}
		first = false
		if err := w.record(s.path, at, r, sum, line); err != nil {
			return err
		}
	}
}

// tail is what the bytes at the end of a journal are that no line's end follows.
type tail int

const (
	tornTail     tail = iota // the beginning of a record
	finishedTail             // a record that only lacks its line's end
	damagedTail              // no writer leaves such
)

func (t tail) torn() bool { return t != damagedTail }

// endOf judges the bytes at the end. A record that is whole but for a wrong last byte was changed; a writer that is killed leaves
// the beginning of what it wrote, and a machine that loses power may leave zeros behind that.
func endOf(line []byte, err error) tail {
	if err != nil {
		return damagedTail
	}
	if _, _, err := Parse(line); err == nil {
		return finishedTail
	}
	if len(line) > hashLength {
		if _, _, err := Parse(line[:len(line)-1]); err == nil && line[len(line)-1] != 0 {
			return damagedTail
		}
	}
	return tornTail
}

// record checks a good record's place.
func (w *walker) record(path string, at int64, r Record, sum Hash, line []byte) error {
	v := &w.v
	before := Receipt{r.Seq - 1, r.Prev}
	switch {
	case v.Records == 0 && v.Faulty == 0:
		w.began = before
		if r.Seq == 1 && r.Prev != (Hash{}) {
			w.fault(path, at, "the first record names another before it")
		}
	case w.anywhere:
		if r.Seq <= w.last.Seq {
			w.fault(path, at, "record %d stands after record %d", r.Seq, w.last.Seq)
		} else if w.last.Seq > 0 && r.Seq > w.last.Seq+2 {
			w.fault(path, at, "between record %d and record %d, %d records cannot be read or are missing", w.last.Seq, r.Seq, r.Seq-w.last.Seq-1)
		}
	case r.Seq != w.last.Seq+1:
		w.fault(path, at, "record %d follows record %d: records are missing or out of order", r.Seq, w.last.Seq)
	case r.Prev != w.last.Hash:
		w.fault(path, at, "record %d does not have the hash of record %d: one of them was changed", r.Seq, w.last.Seq)
	}
	w.anywhere, w.last = false, Receipt{r.Seq, sum}
	if v.Records == 0 {
		v.First, v.From = r.Seq, r.Time
	} else if r.Time.Before(w.lastAt.Add(-time.Second)) {
		v.Backwards++
	}
	w.lastAt = r.Time
	v.Records++
	v.Kinds[r.Kind]++
	v.Last, v.To, v.Head = r.Seq, r.Time, w.last.String()
	switch r.Kind {
	case KindStart:
		if w.running {
			v.Crashes++
		}
		if w.running = true; r.Event.Cut != nil {
			v.Cuts++
		}
	case KindStop:
		w.running = false
	case KindRetire:
		if r.Event.Hash != nil {
			w.retired[Receipt{r.Event.Through, *r.Event.Hash}] = true
		}
	}
	if w.see == nil {
		return nil
	}
	return w.see(Seen{r, sum, line})
}

// end checks what can be said only of the whole.
func (w *walker) end() {
	if w.v.First > 1 && !w.retired[w.began] {
		w.fault(segmentPath(w.dir, w.v.First), 0, "records 1 to %d are missing, and no record says that they were removed for their age", w.v.First-1)
	}
}
