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
	rest := data
	switch {
	case len(data) >= preamble+4 && string(data[preamble:preamble+4]) == magic:
		rest = data[preamble+4:]
	case bytes.HasPrefix(data, []byte(magic)):
		rest = data[4:]
	}
	f := &File{}
	base := int64(len(data) - len(rest))
	if !(len(rest) >= 8 && rest[0] == 2 && rest[1] == 0) {
		if len(rest) < len(data) {
			return nil, &SyntaxError{Offset: base, Reason: "the file meta information is missing"}
		}
		if f.Syntax = guess(data); f.Syntax == "" {
			return nil, ErrNotDICOM
		}
	} else {
		p := newParser(rest, ExplicitLittleEndian, limits)
		p.base = base
		if err := p.meta(&f.Meta); err != nil {
			return nil, err
		}
		if f.Syntax = f.Meta.String(TransferSyntaxUID); f.Syntax == "" {
			return nil, &SyntaxError{Tag: TransferSyntaxUID, Offset: base + p.at, Reason: "missing"}
		}
		rest, base = rest[p.at:], base+p.at
	}
	if f.Syntax == DeflatedLittleEndian {
		var err error
		if rest, err = inflate(rest, limits.Inflated); err != nil {
			return nil, err
		}
		base = 0
	}
	p := newParser(rest, f.Syntax, limits)
	p.base = base
	var err error
	f.Dataset, err = p.all()
	return f, err
}

// meta parses elements as long as they are of group 0002.
func (p *parser) meta(d *Dataset) error {
	for p.rest() >= 8 && p.tag().Group() == 2 {
		at := p.at
		h, err := p.header(int64(len(p.data)))
		if err != nil {
			return err
		}
		e, err := p.element(h, at, int64(len(p.data)), 0)
		if err != nil {
			return err
		}
		d.add(e)
	}
	return nil
}

// guess recognises the transfer syntax of a bare data set by its first element, "" for what is none.
func guess(data []byte) string {
	if len(data) < 8 {
		return ""
	}
	vr := VR(data[4:6])
	switch {
	case data[0] == 8 && data[1] == 0 && vr.Known():
		return ExplicitLittleEndian
	case data[0] == 0 && data[1] == 8 && vr.Known():
		return ExplicitBigEndian
	case data[0] == 8 && data[1] == 0:
		return ImplicitLittleEndian
	}
	return ""
}

// inflate inflates a deflated data set (PS3.5, A.5) of at most so many bytes.
func inflate(data []byte, most int64) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(data))
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: deflated data: %w", ErrDamaged, err)
	case int64(len(out)) > most:
		return nil, fmt.Errorf("%w: it inflates to more than %d bytes", ErrDamaged, most)
	}
	return out, nil
}
