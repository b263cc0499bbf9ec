package radiograph

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// pngData reads what is in a run of IDAT chunks. It is asked for a few kilobytes at a time, which is what makes inflating
// interruptible, however little comes out of it.
type pngData struct {
	ctx   context.Context
	rest  []byte // chunks to come
	chunk []byte // what is left of the one begun
	err   error
}

func (d *pngData) Read(p []byte) (int, error) {
	if d.ctx.Err() != nil {
		return 0, context.Cause(d.ctx)
	}
	for skipped := 1; len(d.chunk) == 0; skipped++ {
		if d.next(); d.err != nil {
			return 0, d.err
		}
		if skipped%manyChunks == 0 && d.ctx.Err() != nil {
			return 0, context.Cause(d.ctx)
		}
	}
	n := copy(p, d.chunk)
	d.chunk = d.chunk[n:]
	return n, nil
}

// manyChunks is how many empty chunks pass between two looks at the context.
const manyChunks = 1 << 12

// next begins the next chunk.
func (d *pngData) next() {
	var c pngChunk
	if c, d.rest, d.err = nextPNGChunk(d.rest); d.err != nil {
		return
	}
	switch {
	case string(c.name()) != "IDAT":
		d.err = io.EOF
	case !c.whole():
		d.err = wrongSum(c)
	default:
		d.chunk = c.content()
	}
}

// finish reads on to the end of the run without inflating it: data beyond the picture are passed over, but for damage.
func (d *pngData) finish() error {
	for n := 1; d.err == nil; n++ {
		if d.next(); n%manyChunks == 0 && d.ctx.Err() != nil {
			return context.Cause(d.ctx)
		}
	}
	if d.err == io.EOF {
		return nil
	}
	return d.err
}

// pngInflater is what inflating needs, kept for the next picture.
type pngInflater struct {
	in    *bufio.Reader
	out   io.ReadCloser
	lines [2][]byte
}

const inflateChunk = 4 << 10

var pngInflaters = sync.Pool{New: func() any { return &pngInflater{in: bufio.NewReaderSize(nil, inflateChunk)} }}

func (z *pngInflater) reset(d *pngData) (err error) {
	z.in.Reset(d)
	if z.out == nil {
		z.out, err = zlib.NewReader(z.in)
		return err
	}
	return z.out.(zlib.Resetter).Reset(z.in, nil)
}

// inflate hands the picture's rows to a function, pass by pass, without their filters. A row is good until the next.
func (f *pngFile) inflate(ctx context.Context, row func(pass pngPass, y, width int, line []byte) error) error {
	z := pngInflaters.Get().(*pngInflater)
	defer pngInflaters.Put(z)
	defer z.in.Reset(bytes.NewReader(nil))
	d := &pngData{ctx: ctx, rest: f.idat}
	if err := z.reset(d); err != nil {
		return inflateError(err, d)
	}
	step := max(f.pixelBits()/8, 1)
	for _, pass := range f.passes() {
		w, h := pass.size(f.width, f.height)
		if w == 0 {
			continue
		}
		n := f.rowBytes(w)
		for i := range z.lines {
			if cap(z.lines[i]) < n+1 {
				z.lines[i] = make([]byte, n+1)
			}
			z.lines[i] = z.lines[i][:n+1]
		}
		line, above := z.lines[0], z.lines[1]
		clear(above)
		for y := range h {
			if y%64 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if _, err := io.ReadFull(z.out, line); err != nil {
				return inflateError(err, d)
			}
			if !unfilter(line[0], line[1:], above[1:], step) {
				return fmt.Errorf("%w: damaged: a row with filter %d", ErrNotPicture, line[0])
			}
			if err := row(pass, y, w, line[1:]); err != nil {
				return err
			}
			line, above = above, line
		}
	}
	// The check sum of the rows stands behind them, unless something else does.
	var one [1]byte
	if _, err := io.ReadFull(z.out, one[:]); err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return inflateError(err, d)
	}
	return d.finish()
}

// inflateError tells the file's fault from the reader's.
func inflateError(err error, d *pngData) error {
	switch {
	case d.ctx.Err() != nil:
		return context.Cause(d.ctx)
	case d.err != nil && d.err != io.EOF:
		return d.err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: truncated: the IDAT chunks end before the picture", ErrNotPicture)
	}
	return fmt.Errorf("%w: damaged: IDAT: %w", ErrNotPicture, err)
}
