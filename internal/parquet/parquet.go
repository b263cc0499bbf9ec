// Package parquet writes flat tables as Apache Parquet files, as far as rows of answers need it: columns of text, numbers, whole
// numbers and yes or no, each of which may be missing; no nesting, no dictionaries, no statistics. It reads nothing.
//
// The layout is that of github.com/apache/parquet-format, whose file parquet.thrift numbers the fields that are written here.
package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
)

// Kind is what the values of a column are.
type Kind int

// The kinds of values.
const (
	Text   Kind = iota // UTF-8
	Number             // float64
	Whole              // int64
	YesNo              // true or false
)

// Column is a column of a table. Any of its values may be missing.
type Column struct {
	Name string
	Kind Kind
}

// Limits of what waits in memory for a row group to be whole: rows, and bytes of values.
const (
	groupRows  = 1 << 15
	groupBytes = 16 << 20
)

// A Writer writes a table. What it writes is a Parquet file once [Writer.Close] has returned without an error.
type Writer struct {
	w       io.Writer
	at      int64 // bytes written so far
	columns []Column
	cells   []cells
	rows    int // in cells
	bytes   int // in cells
	groups  []group
	codec   codec
	err     error
}

// codec is a CompressionCodec of parquet.thrift.
type codec int64

const (
	uncompressed codec = 0
	gzipped      codec = 2
)

// cells are a column's part of a row group.
type cells struct {
	there  []byte // a bit for each row, the first the lowest: whether there is a value
	values []byte // those that are there, PLAIN
	whole  int    // how many are there, of YesNo
}

// group is a row group that was written.
type group struct {
	rows   int
	chunks []chunk
}

// chunk is a column of a row group in the file: one data page.
type chunk struct {
	at                int64
	plain, compressed int // bytes, the page's header among them
}

// NewWriter begins a file.
func NewWriter(w io.Writer, columns []Column) (*Writer, error) {
	if len(columns) == 0 {
		return nil, errors.New("parquet: a table without columns")
	}
	p := &Writer{w: w, columns: columns, cells: make([]cells, len(columns)), codec: gzipped}
	p.write([]byte(magic))
	return p, p.err
}

const magic = "PAR1"

// Append adds a row: a cell for each column, in its text, and an empty one for a value that is missing. Numbers are as
// [strconv.ParseFloat] and [strconv.ParseInt] read them, and a yes or no is "true" or "false".
func (p *Writer) Append(row []string) error {
	if p.err != nil {
		return p.err
	}
	if len(row) != len(p.columns) {
		return p.fail(fmt.Errorf("parquet: a row has %d cells, expected %d", len(row), len(p.columns)))
	}
	for i, cell := range row {
		before := len(p.cells[i].values)
		if err := p.cells[i].add(p.columns[i].Kind, p.rows, cell); err != nil {
			return p.fail(fmt.Errorf("parquet: column %s: %w", p.columns[i].Name, err))
		}
		p.bytes += len(p.cells[i].values) - before
	}
	if p.rows++; p.rows == groupRows || p.bytes >= groupBytes {
		p.flush()
	}
	return p.err
}

func (c *cells) add(kind Kind, row int, cell string) error {
	if row%8 == 0 {
		c.there = append(c.there, 0)
	}
	if cell == "" {
		return nil
	}
	switch kind {
	case Text:
		c.values = append(binary.LittleEndian.AppendUint32(c.values, uint32(len(cell))), cell...)
	case Number:
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			return err
		}
		c.values = binary.LittleEndian.AppendUint64(c.values, math.Float64bits(v))
	case Whole:
		v, err := strconv.ParseInt(cell, 10, 64)
		if err != nil {
			return err
		}
		c.values = binary.LittleEndian.AppendUint64(c.values, uint64(v))
	case YesNo:
		v, err := strconv.ParseBool(cell)
		if err != nil {
			return err
		}
		if c.whole%8 == 0 {
			c.values = append(c.values, 0)
		}
		if v {
			c.values[c.whole/8] |= 1 << (c.whole % 8)
		}
		c.whole++
	default:
		return fmt.Errorf("unknown kind %d", kind)
	}
	c.there[row/8] |= 1 << (row % 8)
	return nil
}

// flush writes the rows that wait as a row group.
func (p *Writer) flush() {
	if p.rows == 0 || p.err != nil {
		return
	}
	g := group{rows: p.rows}
	for i := range p.cells {
		c := &p.cells[i]
		page := c.page(p.rows)
		packed, err := p.codec.pack(page)
		if err != nil {
			p.err = err
			return
		}
		header := pageHeader(p.rows, len(page), packed)
		g.chunks = append(g.chunks, chunk{p.at, len(header) + len(page), len(header) + len(packed)})
		p.write(header)
		p.write(packed)
		c.there, c.values, c.whole = c.there[:0], c.values[:0], 0
	}
	p.groups = append(p.groups, g)
	p.rows, p.bytes = 0, 0
}

// page is the body of a data page of version 1: definition levels, in one bit-packed run behind its length, and values.
func (c *cells) page(rows int) []byte {
	run := binary.AppendUvarint(nil, uint64(len(c.there))<<1|1) // groups of eight levels, bit-packed
	page := binary.LittleEndian.AppendUint32(nil, uint32(len(run)+len(c.there)))
	page = append(append(page, run...), c.there...)
	return append(page, c.values...)
}

func (c codec) pack(page []byte) ([]byte, error) {
	if c == uncompressed {
		return page, nil
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(page)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// Close writes the rows that wait, and what the file ends with. It leaves the underlying writer open.
func (p *Writer) Close() error {
	p.flush()
	if p.err != nil {
		return p.err
	}
	footer := p.footer()
	p.write(footer)
	p.write(binary.LittleEndian.AppendUint32(nil, uint32(len(footer))))
	p.write([]byte(magic))
	if p.err != nil {
		return p.err
	}
	p.err = errors.New("parquet: the writer is closed")
	return nil
}

func (p *Writer) write(b []byte) {
	if p.err != nil {
		return
	}
	n, err := p.w.Write(b)
	p.at += int64(n)
	p.err = err
}

func (p *Writer) fail(err error) error {
	p.err = err
	return err
}

// crc is a page's check sum: that of gzip, over its bytes as they lie in the file.
func crc(packed []byte) int64 { return int64(int32(crc32.ChecksumIEEE(packed))) }
