package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spikeray/spikeray/internal/batch"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

// pipeCommand answers the pictures of another program, such as a worker of Spark or Ray. It ends with its standard input, and so
// with that program, however that ends.
type pipeCommand struct {
	fileFlags
	Prevalence *float64 `placeholder:"P" help:"Share of PNEUMONIA, between 0 and 1, where the pictures come from, as for predict."`
	Workers    int      `default:"${workers}" placeholder:"N" help:"Pictures that are answered at a time. The default is the number of cores (here ${default})."`
}

// Help is shown below the flags.
func (*pipeCommand) Help() string {
	return `A picture is sent as the length of its name (4 bytes, the highest first), the name, the length of the file (8 bytes, the highest first) and the file. Its answer is a line of JSON, as batch writes it, in the order in which the pictures came. The pictures end with the input.`
}

// Validate is called by kong once the flags are read.
func (c *pipeCommand) Validate() error {
	if c.Workers < 1 || c.Workers > maxWorkers {
		return fmt.Errorf("--workers must be 1 to %d, not %d", maxWorkers, c.Workers)
	}
	return errors.Join(c.answerFlags.Validate(), c.boardFlags.Validate())
}

func (c *pipeCommand) options() pipeline.Options {
	o := c.answerFlags.options()
	o.Prevalence = c.Prevalence
	return o
}

// Run answers until the input ends.
func (c *pipeCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	m, err := c.openModel(ctx, std, on)
	if err != nil {
		return err
	}
	defer m.close(&err)
	if err := c.check(c.options(), m.Description()); err != nil {
		return err
	}
	rows := batchRows{m.Entry, c.options()}
	answer := func(s sent) batchAnswer {
		sum, err := s.sum, s.err
		var p pipeline.Prediction
		if err == nil {
			p, err = m.pictures.answer(ctx, m.Entry, s.data, m.pictures.limits, rows.options)
		}
		s.release()
		out := batchAnswer{late: err != nil && ctx.Err() != nil}
		if !out.late {
			out.line, out.err = jsonRow(rows.row(s.index, s.name, &sum, p, err))
		}
		return out
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pictures := &sentReader{ctx: ctx, from: bufio.NewReaderSize(std.in, 1<<16), room: m.pictures}
	pipeline.Stream(pictures.all(), c.Workers, answer, func(a batchAnswer) bool {
		if err = a.err; a.late {
			err = ctx.Err()
		}
		if err == nil {
			_, err = std.out.Write(a.line)
		}
		if err != nil {
			cancel()
		}
		return err == nil
	})
	if errors.Is(err, context.Canceled) || err == nil && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return errors.Join(err, pictures.err)
}

// sent is a picture that was sent.
type sent struct {
	index   int
	name    string
	data    []byte
	sum     [sha256.Size]byte
	err     error // for its row, of a file that is too long
	release func()
}

// sentReader reads pictures that are sent.
type sentReader struct {
	ctx  context.Context
	from io.Reader
	room *room
	err  error // once all has ended
}

// all are the pictures until the input ends, an error or the end of the context. A read that nothing ends then goes on alone.
func (r *sentReader) all() iter.Seq[sent] {
	type read struct {
		sent
		err error
	}
	next := make(chan read)
	go func() {
		for index := 0; ; index++ {
			s, err := r.next()
			s.index = index
			select {
			case next <- read{s, err}:
			case <-r.ctx.Done():
				s.release()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func(yield func(sent) bool) {
		for {
			select {
			case <-r.ctx.Done():
				return
			case s := <-next:
				if s.err != nil && !errors.Is(s.err, io.EOF) {
					r.err = fmt.Errorf("picture %d of the input: %w", s.index, s.err)
				}
				if s.err != nil || !yield(s.sent) {
					return
				}
			}
		}
	}
}

// next reads a picture for which there is room. [io.EOF] says that there is none.
func (r *sentReader) next() (s sent, err error) {
	s.release = func() {}
	var short [4]byte
	if _, err := io.ReadFull(r.from, short[:]); err != nil {
		return s, err // io.EOF only where nothing was read
	}
	n := binary.BigEndian.Uint32(short[:])
	if n == 0 || n > batch.MaxPath {
		return s, fmt.Errorf("the length of its name is %d, must be 1 to %d", n, batch.MaxPath)
	}
	name := make([]byte, n)
	var long [8]byte
	if err := r.fill(name, long[:]); err != nil {
		return s, err
	}
	s.name = string(name)
	size, most := binary.BigEndian.Uint64(long[:]), int64(r.room.flags.MaxBytes)
	if size > 1<<62 {
		return s, fmt.Errorf("the length of its file is %d", size)
	}
	sum := sha256.New()
	if int64(size) > most {
		if _, err := io.CopyN(sum, r.from, int64(size)); err != nil {
			return s, whole(err)
		}
		s.err = fmt.Errorf("%w: more than %d bytes", radiograph.ErrTooLarge, most)
		sum.Sum(s.sum[:0])
		return s, nil
	}
	held := min(int64(size), r.room.plan.Uploads)
	if err := r.room.files.Acquire(r.ctx, held); err != nil {
		return s, err
	}
	s.release = func() { r.room.files.Release(held) }
	s.data = make([]byte, size)
	if err := r.fill(s.data); err != nil {
		s.release()
		return s, err
	}
	s.sum = sha256.Sum256(s.data)
	return s, nil
}

// fill reads what must be there.
func (r *sentReader) fill(parts ...[]byte) error {
	for _, part := range parts {
		if _, err := io.ReadFull(r.from, part); err != nil {
			return whole(err)
		}
	}
	return nil
}

// whole is the error of an input that ends where it must not.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
