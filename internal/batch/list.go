package batch

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
)

// MaxPath is the most bytes of a path in a list.
const MaxPath = 32 << 10

// Entry is a picture of a list.
type Entry struct {
	Path string
	// Index is its place in the list before that was divided into shards, from 0.
	Index int
	at    int // its place in this batch's list
}

// listed says which list a file holds.
type listed struct {
	Pictures int    `json:"pictures"`
	Bytes    int64  `json:"list_bytes"`
	SHA256   string `json:"list_sha256"`
}

// A list is a file of an entry's index, a space and its path, each ended by a zero byte, which no path has.
type listWriter struct {
	to  *bufio.Writer
	sum hash.Hash
	listed
}

func newListWriter(w io.Writer) *listWriter {
	sum := sha256.New()
	return &listWriter{to: bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16), sum: sum}
}

func (l *listWriter) add(index int, path string) error {
	if len(path) > MaxPath || strings.ContainsRune(path, 0) || path == "" {
		return fmt.Errorf("picture %d of the list: a path must have 1 to %d bytes, none of them zero", index, MaxPath)
	}
	n, err := fmt.Fprintf(l.to, "%d %s\x00", index, path)
	l.Bytes += int64(n)
	l.Pictures++
	return err
}

func (l *listWriter) end() (listed, error) {
	err := l.to.Flush()
	l.SHA256 = hex.EncodeToString(l.sum.Sum(nil))
	return l.listed, err
}

// verify reads the whole list, which must be the one that was written.
func (l listed) verify(path string) error {
	sum, size, err := digest(path, -1)
	if err != nil {
		return err
	}
	if size != l.Bytes || hex.EncodeToString(sum.Sum(nil)) != l.SHA256 {
		return fmt.Errorf("%s is damaged: it is not the list that the batch was begun with", path)
	}
	return nil
}

// digest reads a file, at most limit bytes of it unless that is negative.
func digest(path string, limit int64) (hash.Hash, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	var from io.Reader = f
	if limit >= 0 {
		from = io.LimitReader(f, limit)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, from)
	return sum, n, err
}

// entries reads a list from the entry at a place on. The error is nil until the sequence has ended.
func entries(path string, from int) (iter.Seq[Entry], *error) {
	failed := new(error)
	return func(yield func(Entry) bool) {
		f, err := os.Open(path)
		if err != nil {
			*failed = err
			return
		}
		defer f.Close()
		r := bufio.NewReaderSize(f, 2*MaxPath)
		for at := 0; ; at++ {
			line, err := r.ReadSlice(0)
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return
			}
			if err != nil {
				*failed = fmt.Errorf("%s: entry %d: %w", path, at, err)
				return
			}
			if at < from {
				continue
			}
			number, name, _ := strings.Cut(string(line[:len(line)-1]), " ")
			index, err := strconv.Atoi(number)
			if err != nil {
				*failed = fmt.Errorf("%s: entry %d: %w", path, at, err)
				return
			}
			if !yield(Entry{name, index, at}) {
				return
			}
		}
	}, failed
}
