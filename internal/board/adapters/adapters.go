// Package adapters lists the boards: it knows their names, reads their settings and opens them. It is the only package that
// imports the adapters, and only the binary imports it. The rest of the program sees [hw.Board].
package adapters

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/hw/remote"
	"github.com/spikeray/spikeray/pkg/hw/spinnaker"
	"github.com/spikeray/spikeray/pkg/spike"
)

// boards are all boards, each with a function that reads its settings. A new adapter adds a line here.
var boards = map[string]func(*settings) board.Options{
	"loihi":     openLoihi,
	"remote":    openRemote,
	"spinnaker": openSpinnaker,
}

// Names are the boards that can be configured.
func Names() []string { return slices.Sorted(maps.Keys(boards)) }

// Configure returns [board.Options] with Name, Open and the board's other defaults. An unknown or malformed setting is an
// error. Configure does not open the board.
func Configure(name string, given map[string]string) (board.Options, error) {
	configure := boards[name]
	if configure == nil {
		return board.Options{}, fmt.Errorf("unknown board %q, must be one of %s", name, strings.Join(Names(), ", "))
	}
	s := &settings{given: given}
	o := configure(s)
	o.Name = name
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(s.known, key) {
			s.fail("unknown option %q of %s, must be one of %s", key, name, strings.Join(s.known, ", "))
		}
	}
	return o, s.err
}

// openLoihi is the emulator in this process, which has no limit on concurrent runs.
func openLoihi(s *settings) board.Options {
	chips := map[string]loihi.Chip{"loihi1": loihi.Loihi1, "loihi2": loihi.Loihi2}
	o := loihi.Options{
		Chip:  chips[s.text("chip", "loihi2", slices.Sorted(maps.Keys(chips))...)],
		Chips: s.number("chips", 1),
	}
	open := func(context.Context) (hw.Board, error) { return loihi.Open(o) }
	return board.Options{Open: open, Plan: placeWith(open), Runs: 1 << 16}
}

// openRemote is a board host.
func openRemote(s *settings) board.Options {
	o := remote.Options{URL: s.text("url", ""), Model: s.text("model", ""), Timeout: s.duration("timeout", 30*time.Second), Key: s.text("key", "")}
	if o.URL == "" {
		s.fail("remote needs the option url")
	}
	out := board.Options{Open: func(ctx context.Context) (hw.Board, error) { return remote.Open(ctx, o) }}
	if s.text("like", "", "", "loihi") == "loihi" {
		out.Plan = placeWith(func(context.Context) (hw.Board, error) { return loihi.Open(loihi.Options{}) })
	}
	return out
}

// openSpinnaker is a board on which sPyNNaker has loaded the network.
func openSpinnaker(s *settings) board.Options {
	o := spinnaker.Options{
		Notify: s.text("notify", ""), Databases: s.text("databases", ""), Board: s.text("board", ""), Local: s.text("local", ""),
		Marker: s.text("marker", ""), Timeout: s.duration("timeout", 2*time.Second), Keep: s.duration("keep", 10*time.Second),
		Burst: s.number("burst", 6), Pause: s.duration("pause", 100*time.Millisecond),
	}
	return board.Options{Open: func(ctx context.Context) (hw.Board, error) { return spinnaker.Open(ctx, o) }}
}

// placeWith opens a board, places a network on it and closes the board.
func placeWith(open func(context.Context) (hw.Board, error)) func(context.Context, *spike.Network) (hw.Placement, error) {
	return func(ctx context.Context, n *spike.Network) (hw.Placement, error) {
		b, err := open(ctx)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		return b.Place(ctx, n)
	}
}
