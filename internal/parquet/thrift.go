package parquet

import "encoding/binary"

// compact writes a struct of Thrift's compact protocol (thrift-compact-protocol.md): fields in the order of their numbers, each
// behind the step from the field before it and its type.
type compact struct {
	b    []byte
	last []int16 // the field before, of the struct that is written and of those around it
}

// Types of fields and of elements.
const (
	tI32    = 5
	tI64    = 6
	tBinary = 8
	tList   = 9
	tStruct = 12
)

func newCompact() *compact { return &compact{last: []int16{0}} }

func (c *compact) field(id int16, kind byte) {
	last := &c.last[len(c.last)-1]
	c.b = append(c.b, byte(id-*last)<<4|kind) // no step here is above 15
	*last = id
}

// whole writes a number of type tI32 or tI64, in zigzag.
func (c *compact) whole(id int16, kind byte, v int64) {
	c.field(id, kind)
	c.b = binary.AppendVarint(c.b, v)
}

func (c *compact) text(id int16, s string) {
	c.field(id, tBinary)
	c.rawText(s)
}

func (c *compact) rawText(s string) {
	c.b = append(binary.AppendUvarint(c.b, uint64(len(s))), s...)
}

// list begins a list of n elements, which follow.
func (c *compact) list(id int16, kind byte, n int) {
	c.field(id, tList)
	if n < 15 {
		c.b = append(c.b, byte(n)<<4|kind)
		return
	}
	c.b = binary.AppendUvarint(append(c.b, 0xf0|kind), uint64(n))
}

// begin begins a struct that is an element of a list, and end ends it, or one that is a field.
func (c *compact) begin() { c.last = append(c.last, 0) }

func (c *compact) structure(id int16) {
	c.field(id, tStruct)
	c.begin()
}

func (c *compact) end() {
	c.b = append(c.b, 0)
	c.last = c.last[:len(c.last)-1]
}

// Values of parquet.thrift's enumerations.
const (
	typeBoolean, typeInt64, typeDouble, typeByteArray = 0, 2, 5, 6

	optional = 1
	plain    = 0
	rle      = 3
	dataPage = 0
	utf8     = 0
)

var physical = map[Kind]int64{Text: typeByteArray, Number: typeDouble, Whole: typeInt64, YesNo: typeBoolean}

// pageHeader is a PageHeader with its DataPageHeader.
func pageHeader(rows, size int, packed []byte) []byte {
	c := newCompact()
	c.whole(1, tI32, dataPage)
	c.whole(2, tI32, int64(size))
	c.whole(3, tI32, int64(len(packed)))
	c.whole(4, tI32, crc(packed))
	c.structure(5)
	c.whole(1, tI32, int64(rows))
	c.whole(2, tI32, plain)
	c.whole(3, tI32, rle)
	c.whole(4, tI32, rle)
	c.end()
	c.end()
	return c.b
}

// footer is the FileMetaData.
func (p *Writer) footer() []byte {
	rows := 0
	for _, g := range p.groups {
		rows += g.rows
	}
	c := newCompact()
	c.whole(1, tI32, 1) // version
	c.list(2, tStruct, 1+len(p.columns))
	c.begin()
	c.text(4, "schema")
	c.whole(5, tI32, int64(len(p.columns)))
	c.end()
	for _, column := range p.columns {
		c.begin()
		c.whole(1, tI32, physical[column.Kind])
		c.whole(3, tI32, optional)
		c.text(4, column.Name)
		if column.Kind == Text {
			c.whole(6, tI32, utf8) // for readers of old
			c.structure(10)        // LogicalType
			c.structure(1)         // StringType
			c.end()
			c.end()
		}
		c.end()
	}
	c.whole(3, tI64, int64(rows))
	c.list(4, tStruct, len(p.groups))
	for _, g := range p.groups {
		p.rowGroup(c, g)
	}
	c.text(6, "spikeray")
	c.end()
	return c.b
}

func (p *Writer) rowGroup(c *compact, g group) {
	size := 0
	c.begin()
	c.list(1, tStruct, len(g.chunks))
	for i, k := range g.chunks {
		size += k.plain
		c.begin()
		c.whole(2, tI64, k.at)
		c.structure(3) // ColumnMetaData
		c.whole(1, tI32, physical[p.columns[i].Kind])
		c.list(2, tI32, 2)
		c.b = binary.AppendVarint(binary.AppendVarint(c.b, plain), rle)
		c.list(3, tBinary, 1)
		c.rawText(p.columns[i].Name)
		c.whole(4, tI32, int64(p.codec))
		c.whole(5, tI64, int64(g.rows))
		c.whole(6, tI64, int64(k.plain))
		c.whole(7, tI64, int64(k.compressed))
		c.whole(9, tI64, k.at)
		c.end()
		c.end()
	}
	c.whole(2, tI64, int64(size))
	c.whole(3, tI64, int64(g.rows))
	c.end()
}
