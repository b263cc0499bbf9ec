package api

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// hanging is the Loihi emulator, whose runs hang while it is told so, until the board is closed.
type hanging struct {
	hw.Board
	hangs  *atomic.Bool
	closed chan struct{}
}

type hangingProgram struct {
	measuringProgram
	board *hanging
}

func (b *hanging) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := measuring{Board: b.Board, out: new(atomic.Bool)}.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	return hangingProgram{p.(measuringProgram), b}, nil
}

func (b *hanging) Close() error { close(b.closed); return b.Board.Close() }

func (p hangingProgram) Load(context.Context) (hw.Program, error) { return p, nil }

func (p hangingProgram) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	if p.board.hangs.Load() {
		<-p.board.closed
	}
	return p.Program.Measure(ctx, in, out, opt)
}

// TestAHungBoardHoldsUpNoOtherModel: with one worker and one place to wait, requests for a board that hangs take neither
// from the model beside it, and are answered themselves once the board's silence is over.
func TestAHungBoardHoldsUpNoOtherModel(t *testing.T) {
	var hangs atomic.Bool
	b, err := board.New(t.Context(), board.Options{
		Name: "hanging", Fallback: board.Request, Timeout: 20 * time.Second, Silence: 2 * time.Second, Retry: time.Hour, Canary: -1,
		Log: slog.New(slog.DiscardHandler),
		Open: func(context.Context) (hw.Board, error) {
			e, err := loihi.Open(loihi.Options{})
			return &hanging{e, &hangs, make(chan struct{})}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	onBoard := &pipeline.Entry{Model: testmodel.ForBoard(t, b)}
	other := &pipeline.Entry{Model: testmodel.Plain(t)}
	queue := NewQueue(1, 1)
	s := start(t, func(c *Config) { c.Models, c.Board, c.Queue = pipeline.NewCatalogue(onBoard, other), b, queue })
	picture := testmodel.PNG(64, 64, 1)
	want200(t, s.post("", picture))
	hangs.Store(true)
	var asked sync.WaitGroup
	var early atomic.Int32
	for range 5 { // one after the other: each has left its worker before the next comes
		before := queue.awayNow()
		asked.Go(func() {
			want200(t, s.post("", picture))
			early.Add(1)
		})
		for i := 0; queue.awayNow() == before; i++ {
			if i == 1000 {
				t.Fatal("a request does not wait for the board")
			}
			time.Sleep(time.Millisecond)
		}
	}
	for range 10 {
		want200(t, s.post("?model=tiny-plain", picture))
	}
	if n := early.Load(); n > 0 {
		t.Errorf("%d requests for the board were answered before the other model's: they prove nothing", n)
	}
	asked.Wait()
	if queue.awayNow() != 0 || queue.Busy() != 0 || queue.Depth() != 0 {
		t.Errorf("at the end %d are away, %d busy, %d wait", queue.awayNow(), queue.Busy(), queue.Depth())
	}
}

func (q *Queue) awayNow() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.away
}

func want200(t *testing.T, a answer) {
	t.Helper()
	if a.status != 200 {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}
