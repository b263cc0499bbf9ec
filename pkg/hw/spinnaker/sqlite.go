package spinnaker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// ErrDatabase is wrapped by every error that says a database cannot be read.
var ErrDatabase = errors.New("spinnaker: bad database")

func unreadable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDatabase, fmt.Sprintf(format, args...))
}

const (
	maxDatabase = 32 << 20 // bytes of a file
	maxRecord   = 1 << 20  // bytes of a row
	maxColumns  = 64
	maxDepth    = 20 // pages from the root of a table to a row
)

// database is an SQLite file, read only: its tables, row by row, after https://www.sqlite.org/fileformat2.html.
type database struct {
	file   []byte
	page   int // bytes of a page
	usable int // of these, without what is reserved
	tables map[string]table
}

type table struct {
	root    int64
	columns map[string]int
	rowid   int // the column that is the row's number, or -1
}

func openDatabase(path string) (*database, error) {
	for _, suffix := range []string{"-journal", "-wal"} {
		if s, err := os.Stat(path + suffix); err == nil && s.Size() > 0 {
			return nil, unreadable("%s is being written", path)
		}
	}
	if s, err := os.Stat(path); err != nil {
		return nil, err
	} else if !s.Mode().IsRegular() || s.Size() > maxDatabase { // a pipe would be waited for
		return nil, unreadable("%s is not a regular file of at most %d bytes", path, maxDatabase)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxDatabase))
	if err != nil {
		return nil, err
	}
	d, err := parseDatabase(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

func parseDatabase(b []byte) (*database, error) {
	if len(b) < 100 || string(b[:16]) != "SQLite format 3\x00" {
		return nil, unreadable("not an SQLite database")
	}
	d := &database{file: b, page: int(binary.BigEndian.Uint16(b[16:])), tables: map[string]table{}}
	if d.page == 1 {
		d.page = 1 << 16
	}
	d.usable = d.page - int(b[20])
	if d.page < 512 || d.page&(d.page-1) != 0 || d.usable < 480 || b[19] > 2 || binary.BigEndian.Uint32(b[56:]) != 1 {
		return nil, unreadable("pages of %d bytes, format %d, text encoding %d", d.page, b[19], binary.BigEndian.Uint32(b[56:]))
	}
	schema := table{root: 1, columns: map[string]int{"type": 0, "name": 1, "rootpage": 3, "sql": 4}, rowid: -1}
	err := d.scan(schema, []string{"type", "name", "rootpage", "sql"}, func(row []any) error {
		name, _ := row[1].(string)
		root, _ := row[2].(int64)
		sql, _ := row[3].(string)
		if row[0] == "table" {
			d.tables[strings.ToLower(name)] = newTable(root, sql)
		}
		return nil
	})
	return d, err
}

// newTable finds the names of the columns in the statement that made the table.
func newTable(root int64, sql string) table {
	t := table{root: root, columns: map[string]int{}, rowid: -1}
	_, sql, _ = strings.Cut(sql, "(")
	depth, from := 0, 0
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ',' && depth == 0, c == ')':
			words := strings.Fields(strings.ToLower(sql[from:i]))
			from = i + 1
			if len(words) == 0 || words[0] == "primary" || words[0] == "foreign" || words[0] == "unique" || words[0] == "check" || words[0] == "constraint" {
				return t
			}
			if len(words) >= 4 && words[1] == "integer" && words[2] == "primary" && words[3] == "key" {
				t.rowid = len(t.columns)
			}
			t.columns[strings.Trim(words[0], `"'`+"`[]")] = len(t.columns)
		}
	}
	return t
}

// each gives the named columns of every row of a table: nil, int64, float64 or string.
func (d *database) each(name string, columns []string, row func([]any) error) error {
	t, ok := d.tables[strings.ToLower(name)]
	if !ok {
		return unreadable("it has no table %s", name)
	}
	if err := d.scan(t, columns, row); err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	return nil
}

func (d *database) scan(t table, columns []string, row func([]any) error) error {
	at := make([]int, len(columns))
	for i, c := range columns {
		var ok bool
		if at[i], ok = t.columns[c]; !ok {
			return unreadable("it has no column %s", c)
		}
	}
	picked := make([]any, len(columns))
	s := &scanner{database: d, seen: map[int64]bool{}, left: int64(len(d.file))}
	return s.walk(t.root, 0, func(rowid int64, record []any) error {
		for i, c := range at {
			picked[i] = nil
			if c < len(record) {
				picked[i] = record[c]
			}
			if c == t.rowid {
				picked[i] = rowid
			}
		}
		return row(picked)
	})
}

// scanner walks the tree of a table. No page belongs to it twice and its rows do not overlap, so that it comes to an end.
type scanner struct {
	*database
	seen   map[int64]bool
	left   int64 // bytes that rows can still have
	record []any
	bytes  []byte
}

// take gives a page, the first without the file's header, and where the header's end lies in it.
func (s *scanner) take(number int64) ([]byte, int, error) {
	if number < 1 || number > int64(len(s.file)/s.page) || s.seen[number] {
		return nil, 0, unreadable("page %d does not exist or is used twice", number)
	}
	s.seen[number] = true
	page := s.file[(number-1)*int64(s.page):][:s.usable]
	if number == 1 {
		return page, 100, nil
	}
	return page, 0, nil
}

func (s *scanner) walk(number int64, depth int, row func(int64, []any) error) error {
	if depth > maxDepth {
		return unreadable("a tree deeper than %d pages", maxDepth)
	}
	page, start, err := s.take(number)
	if err != nil {
		return err
	}
	kind, cells, array := page[start], int(binary.BigEndian.Uint16(page[start+3:])), start+8
	if kind == 5 {
		array += 4
	} else if kind != 13 {
		return unreadable("page %d is of kind %d, which a table cannot have", number, kind)
	}
	if array+2*cells > len(page) {
		return unreadable("page %d has %d cells", number, cells)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(page[array+2*i:]))
		if at+4 > len(page) {
			return unreadable("page %d: a cell at %d", number, at)
		}
		if kind == 5 {
			err = s.walk(int64(binary.BigEndian.Uint32(page[at:])), depth+1, row)
		} else {
			err = s.leaf(page[at:], row)
		}
		if err != nil {
			return err
		}
	}
	if kind == 5 {
		return s.walk(int64(binary.BigEndian.Uint32(page[start+8:])), depth+1, row)
	}
	return nil
}

func (s *scanner) leaf(cell []byte, row func(int64, []any) error) error {
	size, n := varint(cell)
	rowid, m := varint(cell[n:])
	cell = cell[n+m:]
	if n == 0 || m == 0 || size < 0 || size > maxRecord || size+2 > s.left {
		return unreadable("a row of %d bytes", size)
	}
	s.left -= size + 2
	local, overflows := s.local(int(size))
	if len(cell) < local || overflows && len(cell) < local+4 {
		return unreadable("a row ends beyond its page")
	}
	payload := cell[:local]
	if overflows {
		s.bytes = append(s.bytes[:0], payload...)
		next := int64(binary.BigEndian.Uint32(cell[local:]))
		for left := int(size) - local; left > 0; {
			page, _, err := s.take(next)
			if err != nil {
				return err
			}
			next = int64(binary.BigEndian.Uint32(page))
			more := min(left, len(page)-4)
			s.bytes = append(s.bytes, page[4:4+more]...)
			left -= more
		}
		payload = s.bytes
	}
	if err := s.parse(payload); err != nil {
		return err
	}
	return row(rowid, s.record)
}

// local is how many bytes of a row stand in its leaf, and whether others do not.
func (s *scanner) local(size int) (int, bool) {
	if size <= s.usable-35 {
		return size, false
	}
	least := (s.usable-12)*32/255 - 23
	if k := least + (size-least)%(s.usable-4); k <= s.usable-35 {
		return k, true
	}
	return least, true
}

func (s *scanner) parse(b []byte) error {
	size, n := varint(b)
	if n == 0 || size < int64(n) || size > int64(len(b)) {
		return unreadable("a row's header of %d bytes", size)
	}
	header, body := b[n:size], b[size:]
	s.record = s.record[:0]
	for len(header) > 0 {
		kind, n := varint(header)
		if n == 0 || len(s.record) == maxColumns {
			return unreadable("a row of more than %d columns", maxColumns)
		}
		header = header[n:]
		width := int64(0)
		switch {
		case kind >= 1 && kind <= 6:
			width = []int64{1, 2, 3, 4, 6, 8}[kind-1]
		case kind == 7:
			width = 8
		case kind >= 12:
			width = (kind - 12) / 2
		}
		if kind < 0 || kind == 10 || kind == 11 || width > int64(len(body)) {
			return unreadable("a value of kind %d", kind)
		}
		s.record = append(s.record, value(kind, body[:width]))
		body = body[width:]
	}
	return nil
}

func value(kind int64, b []byte) any {
	switch {
	case kind == 0:
		return nil
	case kind == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	case kind == 8 || kind == 9:
		return kind - 8
	case kind >= 12:
		return string(b)
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v
}

// varint reads a number of one to nine bytes, the highest first, and gives their count, 0 if it is cut off.
func varint(b []byte) (v int64, n int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | int64(b[i]), 9
		}
		v = v<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
