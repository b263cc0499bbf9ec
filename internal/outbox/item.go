package outbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"
)

// Item is one object on its way to one target.
type Item struct {
	// Target names where it goes. It is a metrics' label and is logged, so it must have no credentials.
	Target string
	// Kind and MediaType say what Data is, such as "sr" and "application/dicom".
	Kind, MediaType string
	// Object identifies the object: two items of one object for one target are the same item. It is not stored.
	Object string
	// Name is the key in hexadecimal. It is set for senders.
	Name string
	Data []byte
}

// Key identifies an item: the first 128 bits of the SHA-256 of its target and its object. Files have it as their name.
type Key [16]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// parseKey reads a file's name.
func parseKey(name string) (k Key, ok bool) {
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != len(k) {
		return k, false
	}
	return Key(raw), true
}

func keyOf(target, object string) Key {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(target)))
	_, _ = io.WriteString(h, target)
	_, _ = io.WriteString(h, object)
	return Key(h.Sum(nil)[:len(Key{})])
}

// header is what a file says of its item.
type header struct {
	Target    string    `json:"target"`
	Kind      string    `json:"kind"`
	MediaType string    `json:"media_type"`
	At        time.Time `json:"at"`
}

// A file is: magic; the lengths of header and data in 4 and 8 bytes; the header in JSON; the CRC-32C of all this; the data;
// its CRC-32C. Numbers are big endian.
const (
	magic     = "SPKRAYO1"
	fixed     = len(magic) + 4 + 8
	maxHeader = 4 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged reports a file that is cut or was changed.
var errDamaged = errors.New("outbox: the file is damaged")

// encode is the content of a file before its data, and what follows the data.
func encode(h header, data []byte) (before, after []byte, err error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, nil, err
	}
	if len(text) > maxHeader {
		return nil, nil, fmt.Errorf("outbox: a header of %d bytes, at most %d are allowed", len(text), maxHeader)
	}
	before = append(before, magic...)
	before = binary.BigEndian.AppendUint32(before, uint32(len(text)))
	before = binary.BigEndian.AppendUint64(before, uint64(len(data)))
	before = append(before, text...)
	before = binary.BigEndian.AppendUint32(before, crc32.Checksum(before, castagnoli))
	return before, binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, castagnoli)), nil
}

// readHeader reads what stands before the data, and checks that the file is as long as it says. At most maxData bytes of
// data are expected.
func readHeader(f *os.File, maxData int64) (h header, data int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return h, 0, err
	}
	if !info.Mode().IsRegular() {
		return h, 0, fmt.Errorf("%w: it is no regular file", errDamaged)
	}
	start := make([]byte, fixed)
	if _, err := io.ReadFull(f, start); err != nil {
		return h, 0, damaged(err)
	}
	length, data := binary.BigEndian.Uint32(start[len(magic):]), int64(binary.BigEndian.Uint64(start[len(magic)+4:]))
	if !bytes.HasPrefix(start, []byte(magic)) || length > maxHeader || data < 0 || data > maxData ||
		info.Size() != int64(fixed)+int64(length)+4+data+4 {
		return h, 0, errDamaged
	}
	rest := make([]byte, length+4)
	if _, err := io.ReadFull(f, rest); err != nil {
		return h, 0, damaged(err)
	}
	text := rest[:length]
	if crc32.Update(crc32.Checksum(start, castagnoli), castagnoli, text) != binary.BigEndian.Uint32(rest[length:]) {
		return h, 0, errDamaged
	}
	if err := json.Unmarshal(text, &h); err != nil || h.Target == "" {
		return h, 0, errDamaged
	}
	return h, data, nil
}

// damaged is what an error of reading says of the file: one that ends early is damaged.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errDamaged
	}
	return err
}

// readItem reads a whole file.
func readItem(path string, maxData int64) (Item, error) {
	f, err := os.Open(path)
	if err != nil {
		return Item{}, err
	}
	defer f.Close()
	h, length, err := readHeader(f, maxData)
	if err != nil {
		return Item{}, err
	}
	data := make([]byte, length+4)
	if _, err := io.ReadFull(f, data); err != nil {
		return Item{}, damaged(err)
	}
	body := data[:length:length]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(data[length:]) {
		return Item{}, errDamaged
	}
	return Item{Target: h.Target, Kind: h.Kind, MediaType: h.MediaType, Data: body}, nil
}

// writeFile writes an item's file and returns once its bytes are safe. It leaves nothing behind when it fails.
func writeFile(path string, h header, data []byte) (err error) {
	before, after, err := encode(h, data)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(path)
		}
	}()
	for _, part := range [][]byte{before, data, after} {
		if _, err := f.Write(part); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// fileSize is how long the file of an item is.
func fileSize(h header, data int64) int64 {
	before, after, err := encode(h, nil)
	if err != nil {
		return data
	}
	return int64(len(before)+len(after)) + data
}
