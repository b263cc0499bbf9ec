package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/board/adapters"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

type boardCommand struct {
	Selftest selftestCommand `cmd:"" help:"Show a board known inputs and compare its spikes with the simulator's, layer by layer."`
}

type selftestCommand struct {
	modelFlag
	boardFlag
	BoardTimeout      time.Duration `default:"10s" help:"Longest time for a run on the board."`
	BoardStartTimeout time.Duration `default:"1m" help:"Longest time to connect to the board and load the network."`
	JSON              bool          `help:"Print everything as JSON."`
}

// Validate is called by kong once the flags are read.
func (c selftestCommand) Validate() error {
	if c.BoardTimeout <= 0 || c.BoardStartTimeout <= 0 {
		return errors.New("--board-timeout and --board-start-timeout must be above 0")
	}
	return nil
}

// taker is a back end that takes a network and runs nothing.
type taker struct{ net *spike.Network }

func (*taker) Name() string { return "none" }

func (t *taker) Compile(_ context.Context, n *spike.Network) (spike.Runner, error) {
	t.net = n
	return nil, nil
}

// Run fails when the board does, and when it is exact and its spikes are not the simulator's.
func (c selftestCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	if c.Board == "" {
		return fmt.Errorf("--board is missing: choose one of %s", strings.Join(adapters.Names(), ", "))
	}
	o, err := c.configure()
	if err != nil {
		return err
	}
	o.Timeout, o.StartTimeout, o.Kernel = c.BoardTimeout, c.BoardStartTimeout, on.Kernel
	o.Log = slog.New(slog.DiscardHandler)
	var body taker
	on.Backend = &body
	m, err := pipeline.OpenModel(ctx, c.Model, on)
	if err != nil {
		return err
	}
	if body.net == nil {
		return noSpikes(m.Name())
	}
	test, err := board.Test(ctx, o, body.net)
	if test != nil {
		if printing := c.print(std.out, test); printing != nil {
			return printing
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("board %s: %w", c.Board, forBoards(err))
	case test.Wrong():
		return fmt.Errorf("board %s should be exact, but its spikes differ from the simulator's", c.Board)
	}
	return nil
}

func (c selftestCommand) print(w io.Writer, t *board.SelfTest) error {
	if c.JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(t)
	}
	printCapabilities(w, t.Capabilities)
	if err := printReport(w, t.Report, false); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nbeside the simulator on %s:\n", map[board.Reference]string{
		board.AsItIs: "the model's network", board.Rounded: "the network with the board's numbers",
		board.Unrounded: "the model's own network, as the board's numbers are not known",
	}[t.Reference])
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "input\tlayer\tspikes\tsimulator\toff\tshare\tfirst")
	for _, trial := range t.Trials {
		fmt.Fprintf(table, "%s\tin\t%d\t%d\t\t\t\n", trial.Input, trial.Spikes, trial.Spikes)
		for _, d := range append(trial.Layers, trial.Answer) {
			if d.Layer == "" {
				d.Layer = "out"
			}
			fmt.Fprintf(table, "\t%s\t%d\t%d\t%d\t%.4f\t%s\n", d.Layer, d.Board, d.Want, d.Off, d.Share(), where(d.First))
		}
	}
	fmt.Fprintln(table, "\ninput\tsteps\ton the board\tms a step\tsaturated\tlost, late\tjoules\tdevice time")
	for _, trial := range t.Trials {
		seen := trial.Telemetry
		fmt.Fprintf(table, "%s\t%d\t%d\t%.3f\t%d\t%s\t%s\t%s\n", trial.Input, trial.Steps, seen.BoardSteps,
			trial.Time.Seconds()*1000/float64(max(1, trial.Steps)), seen.Saturated, lost(seen.Link), told(seen.Energy), told(seen.DeviceTime))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nms a step is measured on this machine, from the request to the complete answer. Joules and device time are shown only if the board measures them.\n%s\n", verdict(t))
	return err
}

func verdict(t *board.SelfTest) string {
	off, all := 0, 0
	for _, trial := range t.Trials {
		off += trial.Answer.Off
		all += max(trial.Answer.Want, trial.Answer.Board)
	}
	share := float64(off) / float64(max(1, all))
	switch {
	case len(t.Trials) == 0:
		return "No input was run."
	case t.Wrong():
		return fmt.Sprintf("The board should be exact, but %.4f of its answers' spikes differ from the simulator's.", share)
	case !t.Complete:
		return fmt.Sprintf("The test stopped early. Until then, %.4f of the answers' spikes differed from the simulator's.", share)
	case t.Exact && off == 0:
		return "The board is exact: every spike is the simulator's."
	case t.Exact:
		return fmt.Sprintf("The board is exact apart from saturated states: %.4f of the answers' spikes differ from the simulator's.", share)
	}
	return fmt.Sprintf("The board is approximate: %.4f of the answers' spikes differ from the simulator's. The canary's two answers differ in %.4f of their spikes; --board-canary-tolerance must be at least that.",
		share, t.Repeated.Share())
}

func where(w *board.Where) string {
	if w == nil {
		return ""
	}
	return fmt.Sprintf("step %d, neuron %d", w.Step, w.Neuron)
}

func lost(l *hw.Link) string {
	if l == nil {
		return "-"
	}
	return fmt.Sprintf("%d, %d", l.LostIn+l.LostOut, l.Late)
}

func told[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

func printCapabilities(w io.Writer, c hw.Capabilities) {
	fmt.Fprintf(w, "fidelity: %s\ntime: %v, at most %d steps, %d spikes of an input in each\nlayers: %v\nneurons: %v, reset: %v\nweights: %s, state: %s\n",
		c.Fidelity, c.Axes, c.MaxSteps, c.MaxCount, c.Layers, c.Dynamics, c.Resets, bits(c.WeightBits), bits(c.StateBits))
	for _, s := range c.Sizes {
		fmt.Fprintf(w, "%s: %d\n", s.Name, s.Available)
	}
	fmt.Fprintln(w)
}

func bits(n int) string {
	if n == 0 {
		return "float32"
	}
	return fmt.Sprintf("%d bits", n)
}
