package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spikeray/spikeray/internal/durable"
)

// record is a key and its CRC-32C.
const record = len(Key{}) + 4

// segments is how many files the memory has; when the last one is full, the first is forgotten.
const segments = 8

// delivered remembers the keys of items that were delivered, on disk and in memory. It is not safe for concurrent use.
type delivered struct {
	dir  string
	most int // keys in a segment

	file   *os.File // the newest segment
	number int      // its name
	length int64    // of what is known to be good in it
	recent map[Key]struct{}
	older  []segment // oldest first
}

type segment struct {
	number int
	keys   []Key // in order
}

// openDelivered reads what is remembered. At most so many keys are kept, and an eighth less for a while after one segment was
// forgotten.
func openDelivered(dir string, most int) (*delivered, error) {
	d := &delivered{dir: dir, most: max(1, most/segments), recent: map[Key]struct{}{}, number: 1}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 && e.Name() == d.name(n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		data, err := os.ReadFile(filepath.Join(dir, d.name(n)))
		if err != nil {
			return nil, err
		}
		keys := parseRecords(data)
		if i < len(numbers)-1 {
			d.close(n, keys)
			continue
		}
		d.number, d.length = n, int64(len(data)/record*record)
		for _, k := range keys {
			d.recent[k] = struct{}{}
		}
	}
	if d.file, err = os.OpenFile(filepath.Join(dir, d.name(d.number)), os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	return d, errors.Join(d.forget(), durable.SyncDir(dir))
}

func (d *delivered) name(n int) string { return fmt.Sprintf("%08d", n) }

// parseRecords are the keys of a segment whose checksums are right.
func parseRecords(data []byte) (keys []Key) {
	for ; len(data) >= record; data = data[record:] {
		k := data[:len(Key{})]
		if crc32.Checksum(k, castagnoli) == binary.BigEndian.Uint32(data[len(k):]) {
			keys = append(keys, Key(k))
		}
	}
	return keys
}

// close makes a segment one that is only looked up.
func (d *delivered) close(number int, keys []Key) {
	slices.SortFunc(keys, compareKeys)
	d.older = append(d.older, segment{number, keys})
}

func compareKeys(a, b Key) int { return slices.Compare(a[:], b[:]) }

// has tells whether an item with the key was delivered.
func (d *delivered) has(k Key) bool {
	if _, ok := d.recent[k]; ok {
		return true
	}
	for _, s := range d.older {
		if _, ok := slices.BinarySearchFunc(s.keys, k, compareKeys); ok {
			return true
		}
	}
	return false
}

// add remembers a key. When it fails the key is remembered until the process ends.
func (d *delivered) add(k Key) error {
	if len(d.recent) >= d.most {
		if err := d.rotate(); err != nil {
			d.recent[k] = struct{}{}
			return err
		}
	}
	d.recent[k] = struct{}{}
	text := binary.BigEndian.AppendUint32(k[:], crc32.Checksum(k[:], castagnoli))
	if _, err := d.file.WriteAt(text, d.length); err != nil {
		return err // what was written of it is overwritten by the next
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	d.length += int64(record)
	return nil
}

// rotate begins a new segment and forgets the oldest.
func (d *delivered) rotate() error {
	next, err := os.OpenFile(filepath.Join(d.dir, d.name(d.number+1)), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	keys := make([]Key, 0, len(d.recent))
	for k := range d.recent {
		keys = append(keys, k)
	}
	d.close(d.number, keys)
	_ = d.file.Close()
	clear(d.recent)
	d.file, d.number, d.length = next, d.number+1, 0
	return errors.Join(d.forget(), durable.SyncDir(d.dir))
}

// forget removes the oldest segments of more than there may be.
func (d *delivered) forget() (err error) {
	for len(d.older) >= segments {
		err = errors.Join(err, os.Remove(filepath.Join(d.dir, d.name(d.older[0].number))))
		d.older = slices.Delete(d.older, 0, 1)
	}
	return err
}
