package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ending is that of a segment's file, whose name is the number of its first record.
const ending = ".ndjson"

// segment is one file of a journal.
type segment struct {
	first uint64
	path  string
	size  int64
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d%s", first, ending))
}

// list finds the segments of a directory, the oldest first. What is no regular file is an error.
func list(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ending)
		first, err := strconv.ParseUint(name, 10, 64)
		if !is || err != nil || first == 0 || segmentPath(dir, first) != filepath.Join(dir, e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no regular file", e.Name())
		}
		all = append(all, segment{first, filepath.Join(dir, e.Name()), info.Size()})
	}
	slices.SortFunc(all, func(a, b segment) int {
		if a.first < b.first {
			return -1
		}
		return 1 // no two are the same
	})
	return all, nil
}

// lines reads a segment line by line, holding no more than one.
type lines struct {
	r      *bufio.Reader
	buffer []byte
	at     int64 // where the next line begins
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next is the next line without its end, valid until the next call, and where it begins. whole is false for bytes at the end that
// no line's end follows. The error is io.EOF behind the last byte, and errTooLong for a line that is longer than any record: what
// follows its end can still be read.
func (l *lines) next() (line []byte, at int64, whole bool, err error) {
	at, l.buffer = l.at, l.buffer[:0]
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		l.at += int64(len(part))
		if long = long || len(l.buffer)+len(part) > MaxRecord; !long {
			l.buffer = append(l.buffer, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, at, false, err
		case long:
			return nil, at, err == nil, errTooLong
		case err == nil:
			return l.buffer[:len(l.buffer)-1], at, true, nil
		case len(l.buffer) == 0:
			return nil, at, false, io.EOF
		}
		return l.buffer, at, false, nil
	}
}

// firstRecord reads the first record of a segment; io.EOF says that it has none.
func firstRecord(path string) (Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	line, _, whole, err := newLines(f).next()
	if err == nil && !whole {
		err = io.EOF
	}
	if err != nil {
		return Record{}, err
	}
	r, _, err := Parse(line)
	return r, err
}

// Read reads records that stand alone, each in a line, and hands each to see, whose error ends the reading. What is not a record as
// it was written is an error.
func Read(r io.Reader, see func(Seen) error) error {
	in := newLines(r)
	for {
		line, at, _, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var record Record
		var sum Hash
		if err == nil {
			record, sum, err = Parse(line)
		}
		if err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		if err := see(Seen{record, sum, line}); err != nil {
			return err
		}
	}
}

// Head is the receipt of the last record of a journal. It checks the last segment's records, each alone.
func Head(dir string) (Receipt, error) {
	segments, err := list(dir)
	if err != nil {
		return Receipt{}, err
	}
	for _, s := range slices.Backward(segments) {
		head, err := headOf(s.path)
		if err != nil {
			return Receipt{}, fmt.Errorf("%s: %w", s.path, err)
		}
		if head.Seq > 0 {
			return head, nil
		}
	}
	return Receipt{}, fmt.Errorf("%s has no records", dir)
}

func headOf(path string) (head Receipt, err error) {
	f, err := os.Open(path)
	if err != nil {
		return head, err
	}
	defer f.Close()
	for in := newLines(f); ; {
		line, at, whole, err := in.next()
		if errors.Is(err, io.EOF) || !whole && endOf(line, err).torn() {
			return head, nil
		}
		var r Record
		var sum Hash
		if err == nil {
			r, sum, err = Parse(line)
		}
		if err != nil {
			return head, fmt.Errorf("byte %d: %w", at, err)
		}
		head = Receipt{r.Seq, sum}
	}
}
