package board

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/hw/remote"
	"github.com/spikeray/spikeray/pkg/hw/spinnaker"
	"github.com/spikeray/spikeray/pkg/spike"
)

// kinds are the boards there are: each reads its settings and says how it is reached. A new adapter is a line here.
var kinds = map[string]func(*settings) Options{
	"loihi":     openLoihi,
	"remote":    openRemote,
	"spinnaker": openSpinnaker,
}

// Names are the boards that can be configured.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }

// Configure gives Options with Name, Open and what else a board of that name brings along. A setting that it does not
// know, or cannot read, is an error; nothing is opened yet.
func Configure(name string, given map[string]string) (Options, error) {
	kind := kinds[name]
	if kind == nil {
		return Options{}, fmt.Errorf("there is no board %q; there are %s", name, strings.Join(Names(), ", "))
	}
	s := &settings{given: given}
	o := kind(s)
	o.Name = name
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(s.known, key) {
			s.fail("%s has no option %q; there are %s", name, key, strings.Join(s.known, ", "))
		}
	}
	return o, s.err
}

// settings are a board's own, key and value; they notice which are asked for.
type settings struct {
	given map[string]string
	known []string
	err   error
}

func (s *settings) fail(format string, args ...any) {
	s.err = errors.Join(s.err, fmt.Errorf("board: "+format, args...))
}

func (s *settings) text(key, standard string, among ...string) string {
	s.known = append(s.known, key)
	v, ok := s.given[key]
	if !ok {
		return standard
	}
	if len(among) > 0 && !slices.Contains(among, v) {
		s.fail("%s is one of %s, not %q", key, strings.Join(among, ", "), v)
	}
	return v
}

func (s *settings) number(key string, standard int) int {
	v := s.text(key, strconv.Itoa(standard))
	n, err := strconv.Atoi(v)
	if err != nil {
		s.fail("%s is a whole number, not %q", key, v)
	}
	return n
}

func (s *settings) duration(key string, standard time.Duration) time.Duration {
	v := s.text(key, standard.String())
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		s.fail("%s is a time such as 30s, not %q", key, v)
	}
	return d
}

// openLoihi is the emulator in this process, which takes as many runs at a time as there are.
func openLoihi(s *settings) Options {
	chips := map[string]loihi.Chip{"loihi1": loihi.Loihi1, "loihi2": loihi.Loihi2}
	o := loihi.Options{
		Chip:  chips[s.text("chip", "loihi2", slices.Sorted(maps.Keys(chips))...)],
		Chips: s.number("chips", 1),
	}
	open := func(context.Context) (hw.Board, error) { return loihi.New(o) }
	return Options{Open: open, Plan: placeWith(open), Runs: 1 << 16}
}

// openRemote is a board host.
func openRemote(s *settings) Options {
	o := remote.Options{URL: s.text("url", ""), Model: s.text("model", ""), Timeout: s.duration("timeout", 30*time.Second), Key: s.text("key", "")}
	if o.URL == "" {
		s.fail("the board remote wants an option url")
	}
	out := Options{Open: func(ctx context.Context) (hw.Board, error) { return remote.Dial(ctx, o) }}
	if s.text("like", "", "", "loihi") == "loihi" {
		out.Plan = placeWith(func(context.Context) (hw.Board, error) { return loihi.New(loihi.Options{}) })
	}
	return out
}

// openSpinnaker is a board on which sPyNNaker has loaded the network.
func openSpinnaker(s *settings) Options {
	o := spinnaker.Options{
		Notify: s.text("notify", ""), Databases: s.text("databases", ""), Board: s.text("board", ""), Local: s.text("local", ""),
		Marker: s.text("marker", ""), Timeout: s.duration("timeout", 2*time.Second), Keep: s.duration("keep", 10*time.Second),
		Burst: s.number("burst", 6), Pause: s.duration("pause", 100*time.Millisecond),
	}
	return Options{Open: func(ctx context.Context) (hw.Board, error) { return spinnaker.New(ctx, o) }}
}

// placeWith places a network on a board that is open for no longer than that takes.
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

// kindOf tells what an error of a board or of its connection is.
func kindOf(err error) Kind {
	switch {
	case errors.Is(err, hw.ErrImpossible), errors.Is(err, remote.ErrAnswer):
		return WrongAnswer
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errStuck), errors.Is(err, remote.ErrLate), errors.Is(err, spinnaker.ErrSilent):
		return TimedOut
	}
	return Failed
}
