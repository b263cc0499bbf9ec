package dicom

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// File is a DICOM file: a data set, and what stands before it.
type File struct {
	// Meta is the file meta information (group 0002); empty for a data set that came without.
	Meta Dataset
	// Syntax is the UID of the data set's transfer syntax.
	Syntax  string
	Dataset *Dataset
}

// ErrNotDICOM reports bytes that are no DICOM file.
var ErrNotDICOM = errors.New("dicom: not a DICOM file")

const (
	preamble = 128
	magic    = "DICM"
)

// Parse parses a file of PS3.10. Its preamble may be missing, and so may the whole header: then the transfer syntax is
// recognised by the first element. Errors wrap [ErrNotDICOM] or [ErrDamaged].
func Parse(data []byte, limits Limits) (*File, error) {
	limits = limits.withDefaults()
	f := &File{}
	rest, err := f.head(data, limits)
	if err != nil {
		return nil, err
	}
	base := int64(len(data) - len(rest))
	if f.Syntax == "" {
		if f.Syntax = guess(rest); f.Syntax == "" {
			if base == 0 {
				return nil, ErrNotDICOM
			}
			return nil, &SyntaxError{Tag: TransferSyntaxUID, Offset: base, Reason: "missing, and what follows the file meta information is no data set"}
		}
	}
	if f.Syntax == DeflatedLittleEndian {
		if rest, err = inflate(rest, limits); err != nil {
			return nil, err
		}
		base = 0
	}
	p := newParser(rest, f.Syntax, limits)
	p.base = base
	if f.Dataset, err = p.all(); err != nil {
		return nil, err
	}
	return f, nil
}

// head reads what stands before the data set, and gives the bytes of that.
func (f *File) head(data []byte, limits Limits) ([]byte, error) {
	rest := data
	switch {
	case len(data) >= preamble+4 && string(data[preamble:preamble+4]) == magic:
		rest = data[preamble+4:]
	case bytes.HasPrefix(data, []byte(magic)):
		rest = data[4:]
	}
	if len(rest) < 8 || rest[0] != 2 || rest[1] != 0 {
		return rest, nil
	}
	limits.Elements = min(limits.Elements, 256)
	p := newParser(rest, ExplicitLittleEndian, limits)
	p.base, p.meta = int64(len(data)-len(rest)), true
	meta, err := p.all()
	if err != nil {
		return nil, err
	}
	f.Meta = *meta
	f.Syntax = f.Meta.String(TransferSyntaxUID)
	return rest[p.at:], nil
}

// DatasetBytes are the bytes of a file's data set as they are stored, behind the file meta information that each system writes anew;
// nil for a file whose header is damaged.
func DatasetBytes(data []byte) []byte {
	rest, err := new(File).head(data, Limits{}.withDefaults())
	if err != nil {
		return nil
	}
	return rest
}

// guess recognises the transfer syntax of a bare data set by its first element, "" for what is none.
func guess(data []byte) string {
	if len(data) < 8 {
		return ""
	}
	known := byLetters[[2]byte(data[4:])] != nil
	switch {
	case data[0] == 8 && data[1] == 0 && known:
		return ExplicitLittleEndian
	case data[0] == 0 && data[1] == 8 && known:
		return ExplicitBigEndian
	case data[0] == 8 && data[1] == 0:
		return ImplicitLittleEndian
	}
	return ""
}

// inflate inflates a deflated data set (PS3.5, A.5), or its beginning. It does so twice: before it is known how long it gets,
// nothing is kept.
func inflate(data []byte, limits Limits) ([]byte, error) {
	most := limits.Inflated
	r := flate.NewReader(bytes.NewReader(data))
	defer r.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(r, most+1))
	switch {
	case n > most && limits.Until > 0:
		n = most
	case err != nil:
		return nil, fmt.Errorf("%w: deflated data: %w", ErrDamaged, err)
	case n > most:
		return nil, fmt.Errorf("%w: it inflates to more than %d bytes", ErrDamaged, most)
	}
	out := make([]byte, n)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(data), nil); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(r, out)
	return out, err
}
